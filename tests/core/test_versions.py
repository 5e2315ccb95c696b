"""Versions are compared as numbers; what is too old is refused by name, all of it at once."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import pytest

from hitl_core.errors import AdapterNotInstalled, AdapterTooOld
from hitl_core.versions import installed, numbers, require_at_least


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1.9.0", "1.10.0"), ("0.20", "0.20.1"), ("1.2.20rc1", "1.2.20"), ("1.2.dev5.7", "1.2.0"), ("1.2", "1.2.0.post1")],
)
def test_versions_are_in_order(older: str, newer: str) -> None:
    assert numbers(older) < numbers(newer)


def test_what_is_installed_will_do() -> None:
    require_at_least({"pydantic": version("pydantic"), "jsonschema": "0.1"}, extra="plain")


def test_all_that_is_too_old_is_named_with_what_to_do() -> None:
    one, two = (f"{package} {version(package)} (needed: 999.1 or newer)" for package in ("pydantic", "jsonschema"))
    with pytest.raises(AdapterTooOld) as refused:
        require_at_least({"pydantic": "999.1", "jsonschema": "999.1", "rfc8785": "0.0.1"}, extra="mine")
    assert str(refused.value) == f"found {one} and {two}: pip install --upgrade 'hitl-core[mine]'"


def test_what_is_not_installed_is_another_error() -> None:
    with pytest.raises(PackageNotFoundError):
        require_at_least({"no-such-package": "1.0"}, extra="mine")


def test_what_an_extra_installs_is_named_where_it_is_missing() -> None:
    with installed("the inbox", extra="server"):
        import_module("json")
    said = "the inbox needs the package 'no_such_package', which is not installed: pip install 'hitl-core[server]'"
    with pytest.raises(AdapterNotInstalled, match=re.escape(said)), installed("the inbox", extra="server"):
        import_module("no_such_package")


def test_a_module_of_ours_that_is_missing_is_no_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_room"), installed("the inbox", extra="server"):
        import_module("hitl_core.no_such_room")
