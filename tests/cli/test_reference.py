"""docs/cli.md names every command, and what each of their JSON documents has; every page shows commands that exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from hitl_core.cli.app import app
from tests.cli.shop import AtHome, Done, Shop, order

Hitl = Callable[..., Done]

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "cli.md"
PAGES: Final = (
    ROOT / "README.md",
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("examples/**/*.md"),
    *ROOT.glob("src/**/*.md"),
)
SHOWN: Final = re.compile(r"(?:`|^(?:\$ )?)hitl ((?:(?!--log|-v)[^`#\n]|\n(?=[^`\n]+`))+)", re.MULTILINE)
"""A command as a page shows it, in a line of a block or between backticks. `hitl -v` and `hitl --log` are about all."""

POLICY: Final = """version = "1"
[[rules]]
id = "together"
match = { tool = "refund" }
level = "collaborate"
why = "People and the agent write it together."
[[rules]]
id = "jots"
why = "somebody reads them"
match = { tool = "jot" }
level = "confirm"
batch = true
"""


@cache
def whole() -> Any:
    """The command line, with all its commands below it."""
    return typer.main.get_command(app)


def commands() -> dict[str, bool]:
    """Every command by its name, and whether it writes JSON."""
    return dict(_below(whole()))


def _below(group: Any, *path: str) -> Iterator[tuple[str, bool]]:
    for name, command in group.commands.items():
        below = hasattr(command, "commands")
        if not below or command.invoke_without_command:
            yield " ".join((*path, name)), any("--json" in each.opts for each in command.params)
        if below:
            yield from _below(command, *path, name)


def test_every_command_stands_in_the_table_of_commands() -> None:
    assert named("what it does", among=commands()) == {*commands()}


def test_every_command_with_a_document_stands_in_the_table_of_documents() -> None:
    assert named("document", among=commands()) == {name for name, has_json in commands().items() if has_json}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_has_these_options(page: Path) -> None:
    for shown in SHOWN.findall(page.read_text(encoding="utf-8")):
        command, path = whole(), list[str]()
        for word in shown.split():
            below: Any = getattr(command, "commands", {}).get(word)
            if below is not None:
                command, path = below, [*path, word]
        known = {each for option in command.params for each in option.opts} | {"--help"}
        known |= {each for option in command.params for each in option.secondary_opts}
        unknown = {*re.findall(r"(?<![\w-])--[a-z][\w-]*", shown)} - known
        assert path or not shown[0].islower(), f"`hitl {shown}` is no command"
        assert not unknown, f"`hitl {shown}`: {unknown}"


def rows(second: str) -> dict[str, str]:
    """The rows of the table whose second column is headed so: first cell → the others."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    assert f"| command | {second} |" in lines  # and goes on behind it
    found: dict[str, str] = {}
    for line in lines:
        if not line.startswith("|"):
            return found
        _, first, others = re.split(r"(?<!\\)\|", line, maxsplit=2)
        found[first.strip()] = others
    return found


def named(second: str, *, among: dict[str, bool]) -> set[str]:
    """The commands that the first cells name: `grants revoke` of "`hitl grants revoke GRANT --as WHO`"."""
    return {_command(span, among) for first in rows(second) for span in re.findall(r"`([^`]+)`", first)}


def _command(span: str, among: dict[str, bool]) -> str:
    words = span.removeprefix("hitl ").split()
    known = (" ".join(words[:length]) for length in (2, 1))
    return next((name for name in known if name in among), span)


def test_every_document_has_what_its_row_says(desk: Hitl) -> None:
    """In both directions: a row that names less than there is leaves somebody guessing, one that names more lies."""
    ann = ("--as", "ann", "--json")
    first, second, shared = _asked(desk, "jot_it"), _asked(desk, "jot_it"), _asked(desk, "pay")
    for row, command in (
        ("`runs`", ("runs", "--json")),
        ("`inbox`", ("inbox", "--json")),
        ("`draft`", ("draft", shared, "--json")),
        ("`comment`", ("comment", shared, "hm", *ann)),
        ("`respond`, `delegate`", ("delegate", first, "ben", *ann)),
        ("`respond`, `delegate`", ("respond", second, "approve", *ann)),
        ("`grants`", ("grants", "--json")),
        ("`stop`", ("stop", "agent", "nobody", "--reason", "a fault", *ann)),
        ("`stops`", ("stops", "--json")),
        ("`lift`", ("lift", "agent", "nobody", "--reason", "well", *ann)),
        ("`worker`", ("worker", "--until-idle", "--json")),
        ("`worker --list`", ("worker", "--list", "--json")),
        ("`tick`", ("tick", "--json")),
        ("`top`", ("top", "--json")),
        ("`doctor`", ("doctor", "--json")),
        ("`doctor --ready`", ("doctor", "--ready", "--json")),
        ("`conformance`", ("conformance", "plain", "--promise", "P81", "--json", "-")),
        ("`audit verify`", ("audit", "verify", "--json")),
        ("`audit export`", ("audit", "export", "--json")),
        ("`policy check`", ("policy", "check", "--json")),
        ("`store migrate`", ("store", "migrate", "--json")),
        ("`store check`", ("store", "check", "--json")),
        ("`store vacuum`", ("store", "vacuum", "--json")),
    ):
        _hold(row, desk(*command).json)


def test_a_batch_has_what_its_row_says(desk: Hitl) -> None:
    batch = ("respond", _asked(desk, "jot_it"), "approve", "--batch", "--as", "ann", "--json")
    shown = desk(*batch).json
    _hold("`respond --batch`", shown)
    _hold("`respond --batch`", desk(*batch, "--digest", shown["digest"]).json)


def test_every_record_has_what_its_paragraph_says(desk: Hitl) -> None:
    asked, shared = _asked(desk, "jot_it"), _asked(desk, "pay")
    put_off = desk("defer", shared, "--until", "2h", "--as", "ann", "--json").json
    assert put_off.keys() - words("request") == {"deferred_until"}
    answered = desk("respond", asked, "approve", "--grant", "1h", "--resume", "--as", "ann", "--json").json
    run = desk("runs", answered["id"], "--json").json
    records = {
        "run": answered,
        "effect": run["effects"][0],
        "guidance": desk("steer", put_off["run_id"], "be kind", "--as", "ann", "--json").json,
        "grant": desk("grants", "--json").json["grants"][0],
    }
    for name, record in records.items():
        assert {*record} <= words(name), f"{name}: {sorted(record.keys() - words(name))} are not said"


def _hold(row: str, document: dict[str, Any]) -> None:
    said = [_keys(each) for each in re.findall(r"`(\{.*?\})`", rows("document")[row])]
    assert {*document} in said, f"{row}: {sorted(document)}, but the page says {said}"


def words(record: str) -> set[str]:
    """What the paragraph on a record names."""
    (paragraph,) = (
        each for each in PAGE.read_text(encoding="utf-8").split("\n\n") if f"**{record}** has" in each.lower()
    )
    return {*re.findall(r"`(\w+)`", paragraph)}


def _keys(shape: str) -> set[str]:
    """The keys of the document itself: what stands in the braces and brackets within it is not looked at."""
    inner = shape[1:-1]
    while (without := re.sub(r"\{[^{}\[\]]*\}|\[[^{}\[\]]*\]", "", inner)) != inner:
        inner = without
    return {*re.findall(r'"(\w+)"', re.sub(r': "[^"]*"( or "[^"]*")?', "", inner))}


@pytest.fixture
def desk(tmp_path: Path, at_home: AtHome) -> Hitl:
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    return at_home(Shop.build(tmp_path, more='[policy]\nfile = "policy.toml"\n')).hitl


def _asked(hitl: Hitl, do: str) -> str:
    request: str = hitl("run", "--json", "--input", order(do)).json["pending"][0]["id"]
    return request
