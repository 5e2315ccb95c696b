"""One story, told by a program that knows its configuration file and nothing else: only `store.url` differs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hitl_core import connect, connect_blocking
from hitl_core.config.serving import RIGHTS
from hitl_core.errors import AlreadyDecided
from hitl_core.protocol import Run, RunState
from hitl_core.runtime import Runtime
from tests.cli.shop import Shop, ShopAtHome
from tests.server.served import Served

pytestmark = [pytest.mark.processes, pytest.mark.postgres]

Serve = Callable[..., Served]
Where = Callable[[pytest.FixtureRequest, Path], "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """A shop, and the configurations of two programs for it: one that starts runs, and ben's, who decides.

    At a server each is whom its token is of; elsewhere the two are the same file.
    """

    shop: Shop
    starts: Path
    decides: Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    from tests.postgres.server import a_server

    with a_server() as url:
        yield url


def embedded(request: pytest.FixtureRequest, folder: Path) -> Place:
    shop: Shop = request.getfixturevalue("shop")
    return Place(shop, shop.config, shop.config)


def on_postgres(request: pytest.FixtureRequest, folder: Path) -> Place:
    from tests.postgres.server import a_schema

    place = embedded(request, folder)
    url = a_schema(request.getfixturevalue("postgres"), folder)
    place.decides.write_text(place.decides.read_text().replace("sqlite:///hitl.db", url))
    return place


def elsewhere(request: pytest.FixtureRequest, folder: Path) -> Place:
    shop, serve = embedded(request, folder).shop, request.getfixturevalue("served")
    files = [_of(shop, folder / name, name) for name in ("ann", "ben")]
    served: Served = serve(shop)
    for file in files:
        file.write_text(f'[store]\nurl = "{served.url}"\ntoken_file = "token"\n')
    return Place(shop, *files)


def _of(shop: Shop, folder: Path, name: str) -> Path:
    """A folder with a token of somebody, and the file that is to be beside it."""
    rights = [word for right in RIGHTS for word in ("--right", right)]
    folder.mkdir()
    (folder / "token").write_text(shop.hitl("token", "make", name, "--as", name, *rights, "--json").json["token"])
    return folder / "hitl.toml"


@pytest.fixture(params=[embedded, on_postgres, elsewhere], ids=["sqlite", "postgresql", "a server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, shop: ShopAtHome, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("HITL_TOKEN", raising=False)
    monkeypatch.syspath_prepend(str(shop.folder))
    where: Where = request.param
    return where(request, tmp_path)


async def test_the_same_program_has_the_same_effects(place: Place) -> None:
    async with connect(place.starts) as starts, connect(place.decides) as hitl:
        run = await _edited(starts, hitl)
        assert (run.state, run.output) == (RunState.COMPLETED, {"done": "paid 10.5", "notes": []} | _notes(run))
        (effect,) = await hitl.effects(run.id)
        assert effect.result == "paid 10.5"
        second = await starts.start({"do": "choose"})
        (asked,) = second.pending
        await hitl.respond(asked.choose("courier", by="ben"))
        assert (await hitl.wait(second.id)).output == {"chosen": "courier"}
        assert {each.id for each in (await hitl.runs()).items} == {run.id, second.id}
        assert (await hitl.inbox()).items == ()
    assert [each["amount"] for each in place.shop.ledger("refund")] == [10.5]


async def _edited(starts: Runtime, hitl: Runtime) -> Run:
    """A payment that is asked about, edited, and made."""
    run = await starts.start({"do": "pay", "order": "A-1", "amount": 48.5})
    (settled,) = (await hitl.inbox()).items
    assert settled.request == run.pending[0]
    answer = settled.request.edit({"order": "A-1", "amount": 10.5}, by="ben")
    recorded = await hitl.respond(answer)
    assert (await hitl.respond(answer)).replayed
    assert not recorded.replayed
    with pytest.raises(AlreadyDecided):
        await hitl.respond(settled.request.reject(by="ben"))
    return await hitl.wait(run.id)


def _notes(run: Run) -> dict[str, Any]:
    """What the agent was told of the edit: it is, in whatever words."""
    output: Any = run.output
    assert output["notes"]
    return {"notes": output["notes"]}


async def test_the_same_script_has_the_same_effects(place: Place) -> None:
    def script() -> Run:
        with connect_blocking(place.starts) as starts, connect_blocking(place.decides) as hitl:
            run = starts.start({"do": "pay", "order": "A-2", "amount": 7.5})
            hitl.respond(run.pending[0].approve(by="ben"))
            return hitl.wait(run.id)

    assert (await asyncio.to_thread(script)).state is RunState.COMPLETED
    assert [each["amount"] for each in place.shop.ledger("refund")] == [7.5]
