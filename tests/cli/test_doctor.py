"""`hitl doctor`: what is there, what is configured, what must be repaired; looking changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hitl_adapters.plain import PlainAdapter
from hitl_core.cli.commands.checkup import extra_of, sqlite_is_affected, without_secret
from hitl_core.contracts import Finding
from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]


def test_a_healthy_installation(hitl: Hitl, shop: Shop) -> None:
    looked = hitl("doctor", "--json")
    found = looked.json
    assert (looked.code, found["ok"], found["problems"]) == (0, True, [])
    assert found["installed"].keys() >= {"python", "hitl-core", "pydantic", "typer", "rich"}
    assert {"name": "plain", "installed": True, "packages": []} in found["adapters"]
    assert "sqlite" in found["stores"]
    assert (found["config"]["backend"], found["config"]["rules"]) == ("plain", 0)
    assert found["store"]["made"] is False
    assert not (shop.folder / "hitl.db").exists()
    assert {each["level"] for each in found["app"]["capabilities"]} >= {"native", "absent"}


def test_the_store_and_the_trail_once_they_are_made(hitl: Hitl) -> None:
    hitl("run", "--json", "--input", order())
    found = hitl("doctor", "--json").json
    assert found["store"] == {"ok": True, "made": True, "message": "can be opened and read"}
    assert (found["audit"]["key"], found["audit"]["anchors"]) == (True, True)
    assert "audit_anchors" in found["audit"]["message"]


def test_what_is_set_in_the_environment_is_named_and_not_told(hitl: Hitl, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hitl("doctor", "--json").json["environment"] == []
    monkeypatch.setenv("HITL_APP_VERSION", "2")
    monkeypatch.setenv("HITL_AUDIT_KEY", "ab" * 32)
    looked = hitl("doctor")
    assert "set in the environment HITL_APP_VERSION, HITL_AUDIT_KEY" in looked.flat
    assert "abab" not in looked.out


def test_without_a_policy_file_it_says_what_that_means(hitl: Hitl) -> None:
    assert "policy no file, so everything asks" in hitl("doctor").flat


def test_in_words(hitl: Hitl) -> None:
    said = hitl("doctor").out
    for words in ("hitl-core", "what this backend cannot do by itself", "handoff_to_human", "can be used"):
        assert words in said


def test_what_is_not_gated_has_a_section_of_its_own(hitl: Hitl, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hitl("doctor", "--json").json["app"]["ungated"] == []
    assert "what is not gated\n  nothing that was found" in hitl("doctor").out
    _finds(
        monkeypatch, Finding("warn", "tools", "'pay' runs without the gate", ungated=True), Finding("note", "x", "y")
    )
    found = hitl("doctor", "--json").json["app"]
    assert found["ungated"] == [{"level": "warn", "place": "tools", "message": "'pay' runs without the gate"}]
    said = hitl("doctor").out
    assert said.count("'pay' runs without the gate") == 1
    assert said.index("what is not gated") < said.index("'pay' runs")


def test_a_warning_is_printed_once_where_work_is_done(hitl: Hitl, monkeypatch: pytest.MonkeyPatch) -> None:
    _finds(monkeypatch, Finding("warn", "tools", "'pay' runs without the gate"), Finding("note", "x", "only a note"))
    run = hitl("run", "--json", "--input", order())
    assert (run.err.count("warning: tools: 'pay' runs without the gate"), "only a note" in run.err) == (1, False)
    assert "warning" not in hitl("inbox").err
    hitl("respond", run.json["pending"][0]["id"], "approve", "--as", "alice")
    assert hitl("worker", "--until-idle").err.count("warning: tools:") == 1


def _finds(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    attach = PlainAdapter.attach

    async def attached(self: PlainAdapter) -> tuple[Finding, ...]:
        return (*await attach(self), *findings)

    monkeypatch.setattr(PlainAdapter, "attach", attached)


def test_ways_by_which_nobody_could_be_told_must_be_repaired(hitl: Hitl, shop: Shop) -> None:
    """They are refused by every command that opens the store, so this is where they are looked for.

    Each by name, where what sends is installed: tests/server/messages.
    """
    routes = '[channels]\nnames = ["console", "pager"]\n[messages.team]\nkind = "slack"\nto = "#desk"\n'
    shop.config.write_text(shop.config.read_text() + routes)
    looked = hitl("doctor", "--json")
    assert (looked.code, looked.json["config"]["messages"]) == (1, ["team"])
    pager, *team = looked.json["problems"]
    assert "pager" in pager
    assert team
    assert all(each.startswith(("messages.team.", "people cannot be told: HITL-A03")) for each in team)
    assert hitl("inbox").code != 0


def test_what_serve_would_refuse_must_be_repaired(hitl: Hitl, shop: Shop) -> None:
    shop.config.write_text(shop.config.read_text() + '[server]\nhost = "0.0.0.0"\n')
    looked = hitl("doctor", "--json")
    (problem,) = looked.json["problems"]
    assert looked.code == 1
    assert problem.startswith("server.host: '0.0.0.0' can be reached from other machines")


def test_all_that_must_be_repaired(hitl: Hitl, shop: Shop) -> None:
    (shop.folder / "hitl.db").write_bytes(b"no database " * 100)
    (shop.folder / f"{shop.module}.py").write_text("agent = 42\n")
    looked = hitl("doctor", "--json")
    assert looked.code == 1
    assert [problem.split(":")[0] for problem in looked.json["problems"]] == [
        "the app cannot be used",
        "the store cannot be used",
    ]
    shop.config.write_text("[backand]\n")
    said = hitl("doctor")
    assert (said.code, "did you mean 'backend'?" in said.out) == (1, True)


@pytest.mark.parametrize(
    ("release", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_which_sqlite_has_the_bug(release: tuple[int, ...], affected: bool) -> None:
    assert sqlite_is_affected(release) is affected


def test_an_extra_is_read_from_our_own_metadata() -> None:
    assert {name for name, _ in extra_of("cli")} == {"typer", "rich"}


def test_an_extra_is_found_by_the_name_of_its_adapter() -> None:
    assert [name for name, _ in extra_of("openai_agents")] == ["openai-agents"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:…@host/db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:se/c#r@et@host:1/db?password=x", "postgresql://me:…@host:1/db?…"),
        ("postgresql://me:se?cret@host/db", "postgresql://…"),
        ("sqlite:///hitl.db", "sqlite:///hitl.db"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_secret(url) == shown
