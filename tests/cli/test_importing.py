"""While a process imports what it is made of, no garbage is looked for; before and after it is."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from hitl_core.cli.importing import importing


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    before = gc.get_freeze_count()
    yield
    assert gc.isenabled()
    if not before:
        gc.unfreeze()


def test_the_collector_rests_and_leaves_what_was_made_alone() -> None:
    with importing():
        assert not gc.isenabled()
        made: list[list[int]] = [[] for _ in range(100)]
    assert gc.isenabled()
    young = {id(each) for each in gc.get_objects()}  # what it looks through: nothing of what is frozen
    assert not young & {id(each) for each in made}


def test_it_goes_on_after_an_import_that_fails() -> None:
    with pytest.raises(ModuleNotFoundError), importing():
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401  # there is none
    assert gc.isenabled()


def test_beside_what_is_at_work_it_goes_on() -> None:
    said = list[bool]()

    def imports() -> None:
        with importing():
            said.append(gc.isenabled())

    beside = threading.Thread(target=imports)
    beside.start()
    beside.join()
    assert said == [True]
