"""A policy file that changes while it is in force: what holds from when, and what a broken one lets through."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from hitl_core.apps import AppSource
from hitl_core.commands import Command, ReadAudit, WriteNote
from hitl_core.config import Config, connect
from hitl_core.config.reloading import PolicyInForce
from hitl_core.errors import StoreUnavailable
from hitl_core.policy import Facts, Policy
from hitl_core.protocol import Action, Level, OnTimeout, RunState
from hitl_core.runtime import Runtime
from hitl_core.testing.clock import ManualClock
from tests.core.shop import Ledger, one_refund, rule

FREE = rule("free", level="autonomous", allow_irreversible="a test")
REFUND = Action(tool="refund")


class File:
    """A policy file, and the policy in force that comes from it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path, self.clock = folder / "policy.toml", ManualClock()
        self.write(text)
        self.in_force = PolicyInForce(Policy.from_file(self.path), self.path, self.clock.now)

    def write(self, text: str) -> None:
        other = self.path.with_suffix(".new")
        other.write_text(text, encoding="utf-8")
        os.replace(other, self.path)

    def says(self, **facts: Any) -> str:
        ruling = self.in_force().decide(REFUND, facts=Facts(now=self.clock.now(), environment="test", **facts))
        return f"{'deny' if ruling.denied else ruling.level} by {ruling.rule} of {ruling.version}"

    def after(self, text: str) -> str:
        """What it says once this text is there and a second has passed."""
        self.write(text)
        self.clock.advance(1)
        return self.says()


def version(number: int, *rules: str) -> str:
    return f'version = "{number}"\n' + "".join(rules)


def test_a_new_version_holds_within_a_second(tmp_path: Path) -> None:
    file = File(tmp_path, version(1, FREE))
    assert file.says() == "autonomous by free of 1"
    file.write(version(2, rule("no", effect="deny")))
    assert file.says() == "autonomous by free of 1"
    file.clock.advance(1)
    assert file.says() == "deny by no of 2"


def test_without_a_version_the_text_is_the_version(tmp_path: Path) -> None:
    file = File(tmp_path, FREE)
    before = file.in_force().version
    file.after(FREE + "# a word\n")
    assert file.in_force().version != before


def test_a_file_that_stays_as_it_is_is_not_read_again(tmp_path: Path) -> None:
    file = File(tmp_path, version(1, FREE))
    policy = file.in_force()
    file.clock.advance(3600)
    assert file.in_force() is policy


@pytest.mark.parametrize("broken", ["rules = [", version(2, rule("a", level="confirm", veto="5m")), version(1)])
def test_a_file_that_is_refused_lets_nothing_run_unasked(
    tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    deny = rule("no", effect="deny", match={"tool": "drop"})
    file = File(tmp_path, version(1, FREE, deny))
    with caplog.at_level(logging.ERROR):
        assert file.after(broken) == "confirm by free of 1"
    assert "was changed and is refused, so nothing runs unasked" in caplog.text
    assert file.in_force().decide(Action(tool="drop"), facts=Facts(now=file.clock.now())).denied
    why = file.in_force().decide(REFUND, facts=Facts(now=file.clock.now())).why
    assert why.endswith("(The policy was changed and its file is refused. So it asks.)")
    assert file.after(version(3, FREE)) == "autonomous by free of 3"


def test_a_reading_that_breaks_on_its_way_lets_nothing_run_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read deep inside a framework, where the stack may end; the rules that held before hold no more either."""

    def breaks(path: object) -> Policy:
        raise RecursionError("maximum recursion depth exceeded")

    file = File(tmp_path, version(1, FREE))
    monkeypatch.setattr(Policy, "from_file", breaks)
    assert file.after(version(2, rule("no", effect="deny"))) == "confirm by free of 1"
    file.clock.advance(1)
    assert file.says() == "confirm by free of 1"
    assert [note.body["error"] for note in file.in_force.changes] == ["an internal RecursionError"]


def test_a_file_that_is_gone_lets_nothing_run_unasked(tmp_path: Path) -> None:
    file = File(tmp_path, version(1, FREE))
    file.path.unlink()
    file.clock.advance(1)
    assert file.says() == "confirm by free of 1"


def test_what_asks_as_it_is_stays_as_it_is_and_silence_is_no_yes(tmp_path: Path) -> None:
    lapse = {"deadline": "1h", "on_timeout": "proceed", "allow_timeout_approval": True}
    match = {"tool": "refund", "reversible": True}
    file = File(tmp_path, version(1, rule("lapse", level="collaborate", match=match, **lapse)))
    facts = Facts(now=file.clock.now(), environment="test", reversible=True)
    assert file.in_force().decide(REFUND, facts=facts).on_timeout is OnTimeout.PROCEED
    file.after("rules = [")
    held = file.in_force().decide(REFUND, facts=facts)
    assert (held.level, held.on_timeout) == (Level.COLLABORATE, OnTimeout.REFUSE)
    unmatched = file.in_force().decide(Action(tool="other"), facts=facts)
    assert unmatched.why == "No rule of the policy is about this action."


def test_included_files_are_looked_at_too(tmp_path: Path) -> None:
    shared = tmp_path / "shared.toml"
    shared.write_text(FREE, encoding="utf-8")
    file = File(tmp_path, 'include = ["shared.toml"]\n')
    shared.write_text(rule("no", effect="deny"), encoding="utf-8")
    file.clock.advance(1)
    assert file.says().startswith("deny by no of sha256:")


def test_what_changed_between_the_reading_and_the_first_decision_is_seen(tmp_path: Path) -> None:
    file = File(tmp_path, version(1, FREE))
    read = Policy.from_file(file.path)
    file.write(version(2, rule("no", effect="deny")))
    file.in_force = PolicyInForce(read, file.path, file.clock.now)
    file.clock.advance(1)
    assert file.says() == "deny by no of 2"


@pytest.mark.parametrize("first", [version(2, FREE), 'version = "2"\ninclude = ["shared.toml"]\n'])
def test_what_changes_while_it_is_read_is_seen(tmp_path: Path, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file, read = File(tmp_path, version(1)), Policy.from_file
    (tmp_path / "shared.toml").write_text(FREE, encoding="utf-8")
    last = [version(3, rule("no", effect="deny"))]

    def read_and_changed(path: Path) -> Policy:
        policy = read(path)
        if last:
            file.write(last.pop())
        return policy

    monkeypatch.setattr(Policy, "from_file", read_and_changed)
    assert file.after(first) == "autonomous by free of 2"
    file.clock.advance(1)
    assert file.says() == "deny by no of 3"


def test_a_policy_in_python_never_changes() -> None:
    policy, clock = Policy(version="1"), ManualClock()
    in_force = PolicyInForce(policy, None, clock.now)
    clock.advance(3600)
    assert in_force() is policy


async def test_a_runtime_goes_by_the_file_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(FREE, encoding="utf-8")
    clock, ledger = ManualClock(), Ledger(tmp_path / "ledger.jsonl")
    config = Config(
        backend="plain",
        app=AppSource("test:app", one_refund(ledger)),
        policy=Policy.from_file(file),
        policy_file=file,
        folder=tmp_path,
    )
    async with connect(config, clock=clock) as hitl:
        assert (await hitl.start(None)).state is RunState.COMPLETED
        file.write_text("", encoding="utf-8")
        clock.advance(1)
        assert (await hitl.start(None)).state is RunState.PAUSED
    assert ledger.count("refund") == 1


# ── the trail ────────────────────────────────────────────────────────────────────────────────────────────────


def refunding(folder: Path, text: str, ledger: Ledger) -> Config:
    """An app that makes one refund, under a policy file with this text."""
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    app = AppSource("test:app", one_refund(ledger))
    return Config(backend="plain", app=app, policy=Policy.from_file(file), policy_file=file, folder=folder)


async def policy_lines(hitl: Runtime) -> list[tuple[str, dict[str, Any]]]:
    found = (await hitl.store.fetch(ReadAudit())).items
    return [(each.event, json.loads(each.body)) for each in found if each.event.startswith("policy.")]


async def test_a_change_is_in_the_trail_before_anything_is_decided_by_it(tmp_path: Path) -> None:
    clock, ledger = ManualClock(), Ledger(tmp_path / "ledger.jsonl")
    config = refunding(tmp_path, version(1, FREE), ledger)
    async with connect(config, clock=clock) as hitl:
        await hitl.start(None)
        assert await policy_lines(hitl) == []
        (tmp_path / "policy.toml").write_text(version(2), encoding="utf-8")
        clock.advance(1)
        run = await hitl.start(None)
        digest = Policy.from_file(tmp_path / "policy.toml").digest
        assert await policy_lines(hitl) == [("policy.changed", {"from": "1", "to": "2", "digest": digest})]
        lines = (await hitl.store.fetch(ReadAudit())).items
        (changed,) = [each for each in lines if each.event == "policy.changed"]
        (asked,) = [each for each in lines if each.event == "request.opened"]
        assert changed.seq < asked.seq
        assert run.pending[0].because.version == "2"
        assert (changed.subject, changed.actor.split("/")[1]) == ("policy.toml", str(os.getpid()))
    assert ledger.count("refund") == 1


async def test_a_file_that_is_refused_leaves_one_line_with_its_fault_and_the_version_that_stays(tmp_path: Path) -> None:
    clock, ledger = ManualClock(), Ledger(tmp_path / "ledger.jsonl")
    config = refunding(tmp_path, version(1, FREE), ledger)
    async with connect(config, clock=clock) as hitl:
        (tmp_path / "policy.toml").write_text('version = "2"\nrules = 7\n', encoding="utf-8")
        for _ in range(3):
            clock.advance(1)
            assert (await hitl.start(None)).state is RunState.PAUSED
        ((event, body),) = await policy_lines(hitl)
        assert (event, body["kept"]) == ("policy.refused", "1")
        assert "policy.toml:2" in body["error"]
        (tmp_path / "policy.toml").write_text(version(3, FREE), encoding="utf-8")
        clock.advance(1)
        assert (await hitl.start(None)).state is RunState.COMPLETED
        assert [event for event, _ in await policy_lines(hitl)] == ["policy.refused", "policy.changed"]
    assert ledger.count("refund") == 1


async def test_who_decides_nothing_writes_it_down_as_well(tmp_path: Path) -> None:
    """A server or an idle worker sweeps; its trail says from when on it goes by another version."""
    clock = ManualClock()
    config = refunding(tmp_path, version(1, FREE), Ledger(tmp_path / "ledger.jsonl"))
    async with connect(config, clock=clock) as hitl:
        (tmp_path / "policy.toml").write_text(version(2, FREE), encoding="utf-8")
        clock.advance(1)
        await hitl.tick()
        await hitl.tick()
        assert [body["to"] for _, body in await policy_lines(hitl)] == ["2"]


async def test_nothing_is_decided_by_a_change_that_cannot_be_written_down(tmp_path: Path) -> None:
    """The store is away for a moment: nothing runs by the new version, and the line comes when it is back."""
    clock, ledger = ManualClock(), Ledger(tmp_path / "ledger.jsonl")
    config = refunding(tmp_path, version(1), ledger)
    async with connect(config, clock=clock) as hitl:
        (tmp_path / "policy.toml").write_text(version(2, FREE), encoding="utf-8")
        clock.advance(1)
        with pytest.MonkeyPatch.context() as patched:
            apply = hitl.store.apply

            async def away(command: Command[Any]) -> Any:
                if isinstance(command, WriteNote):
                    raise StoreUnavailable("the disk is full")
                return await apply(command)

            patched.setattr(hitl.store, "apply", away)
            run = await hitl.start(None)
            assert (run.state, ledger.count("refund")) == (RunState.FAILED, 0)
        run = await hitl.resume(run.id)
        assert (run.state, ledger.count("refund")) == (RunState.COMPLETED, 1)
        assert [body["to"] for _, body in await policy_lines(hitl)] == ["2"]


async def test_a_change_that_is_being_written_down_holds_up_every_decision(tmp_path: Path) -> None:
    """Two decisions at once: the second one finds the note taken up, and not yet in the trail."""
    clock, ledger = ManualClock(), Ledger(tmp_path / "ledger.jsonl")
    config = refunding(tmp_path, version(1), ledger)
    async with connect(config, clock=clock) as hitl:
        (tmp_path / "policy.toml").write_text(version(2, FREE), encoding="utf-8")
        clock.advance(1)
        apply, begun, written = hitl.store.apply, asyncio.Event(), asyncio.Event()

        async def slow(command: Command[Any]) -> Any:
            if isinstance(command, WriteNote):
                begun.set()
                await written.wait()
            return await apply(command)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(hitl.store, "apply", slow)
            first = asyncio.create_task(hitl.tick())
            await begun.wait()
            second = asyncio.create_task(hitl.start(None))
            await asyncio.wait({second}, timeout=0.3)
            assert (second.done(), ledger.count("refund")) == (False, 0)
            written.set()
            await first
            assert (await second).state is RunState.COMPLETED
        assert [body["to"] for _, body in await policy_lines(hitl)] == ["2"]
