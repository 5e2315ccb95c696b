"""The prompt: what is shown, and which keys decide what."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from hitl_core.cli.terminal.prompt import Prompt
from hitl_core.commands import Settled
from hitl_core.errors import DraftMoved, Fault
from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Accept,
    Action,
    Answer,
    Approve,
    Approvers,
    Arguments,
    Ask,
    Asked,
    Because,
    Cancel,
    Choose,
    Context,
    Decision,
    DraftVersion,
    Edit,
    Escalation,
    Kind,
    Level,
    Option,
    Origin,
    PauseRequest,
    Preview,
    Reject,
    Reply,
    Report,
    Responder,
    Revise,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE = Responder(id="alice", channel="terminal")


@dataclass
class Scripted:
    """A person who presses these keys and types these lines; a key is one character, a line a longer text."""

    presses: Iterator[str | None]
    asked: list[str] = field(default_factory=list)

    def key(self, show: Callable[[], None]) -> str:
        show()
        return next(self.presses) or ""

    def line(self, question: str) -> str | None:
        self.asked.append(question)
        return next(self.presses)


def request(**changes: Any) -> PauseRequest:
    action = changes.pop("action", Action(tool="refund", arguments={"order": "A-1", "amount": 48.5}))
    fields: dict[str, Any] = {
        "id": "request-1",
        "run_id": "run-1",
        "call": "refund#1",
        "kind": Kind.APPROVAL,
        "level": Level.CONFIRM,
        "title": "Pay money back",
        "action": action,
        "digest": action.digest,
        "allowed": (Reply.APPROVE, Reply.EDIT, Reply.REJECT, Reply.ANSWER, Reply.CANCEL),
        "because": Because(rule="money", version="7", why="Money leaves the shop."),
        "created_at": NOW - timedelta(minutes=5),
    }
    return PauseRequest(**{**fields, **changes})


def ask(asked: PauseRequest, *presses: str | None) -> tuple[tuple[Decision, str] | None, str]:
    """What was decided and why, and what was on the screen."""
    screen = Console(file=io.StringIO(), width=120, markup=False, highlight=False)
    prompt = Prompt(screen, Scripted(iter(presses)), ALICE, now=lambda: NOW)
    answer = prompt.ask(Settled(asked, RequestState.OPEN))
    assert isinstance(screen.file, io.StringIO)
    if answer is None:
        return None, screen.file.getvalue()
    assert (answer.request_id, answer.digest) == (asked.id, asked.digest)
    return (answer.decision, answer.reason), screen.file.getvalue()


OPTIONS = (Option(id="post", label="three days"), Option(id="courier"))
CHOICE = {"kind": Kind.CHOICE, "allowed": (Reply.CHOOSE, Reply.REJECT), "options": OPTIONS}
REVIEW = {"kind": Kind.REVIEW, "allowed": (Reply.ACCEPT, Reply.EDIT, Reply.REVISE)}


LED = {"level": Level.HUMAN_LEADS, "allowed": (Reply.REPORT, Reply.REJECT)}


@pytest.mark.parametrize(
    ("changes", "presses", "decided"),
    [
        ({}, ["a"], (Approve(), "")),
        ({}, ["r", "not without a photo"], (Reject(message="not without a photo"), "")),
        ({}, ["w", "call them"], (Answer(value="call them"), "")),
        ({}, ["x", "enough", "y"], (Cancel(reason="enough"), "enough")),
        ({}, ["e", '{"order": "A-1", "amount": 40}', "y"], (Edit(arguments={"order": "A-1", "amount": 40}), "")),
        (LED, ["d", "y", "receipt 7", ""], (Report(outcome="done", result="receipt 7"), "")),
        (LED, ["d", "n", "closed"], (Report(outcome="not_done", note="closed"), "")),
        (
            LED,
            ["d", "p", "half", "", "d", "p", "half", "rest in May"],
            (Report(outcome="partly", result="half", note="rest in May"), ""),
        ),
        ({"allowed": (Reply.ASK, Reply.APPROVE)}, ["k", "which?"], (Ask(question="which?"), "")),
        (CHOICE, ["2"], (Choose(option="courier"), "")),
        (REVIEW, ["t"], (Accept(), "")),
        (REVIEW, ["s", "shorter"], (Revise(feedback="shorter"), "")),
    ],
)
def test_a_key_decides(changes: dict[str, Any], presses: list[str], decided: tuple[Decision, str]) -> None:
    assert ask(request(**changes), *presses)[0] == decided


def test_what_was_asked_is_shown_with_what_the_agent_said() -> None:
    asked = Asked(request_id="request-0", by="bob", question="Which invoice?", answer="It is\x1b[2J number 7.")
    silent = asked.model_copy(update={"answer": ""})
    _, screen = ask(request(asked=(asked, silent), undo_until=NOW + timedelta(hours=1)), "q")
    assert "bob asked: Which invoice?" in screen
    assert "it says: It is\\x1b[2J number 7." in screen
    assert "no answer in words" in screen
    assert "undo until" in screen
    assert "the agent says (unverified)" in screen


DRAFTED = request(allowed=(Reply.ACCEPT, Reply.APPROVE, Reply.EDIT, Reply.REVISE), draft="request-1")


@dataclass
class Kept:
    """A draft in memory; `rival` makes a version of his own before each of ours is kept."""

    made: list[DraftVersion] = field(default_factory=list)
    rival: bool = False

    def versions(self, request: PauseRequest) -> tuple[DraftVersion, ...]:
        return tuple(self.made)

    def change(self, request: PauseRequest, arguments: Arguments, *, base: int, by: Responder) -> DraftVersion:
        if self.rival:
            raise DraftMoved([Fault("version", "'bob' has made version 2 since")])
        self.made.append(version(base + 1, arguments, by=by))
        return self.made[-1]


def version(number: int, arguments: Arguments, **more: Any) -> DraftVersion:
    given = {"draft": "request-1", "request_id": "request-1", "digest": "d", "made_at": NOW}
    return DraftVersion(number=number, arguments=arguments, **{**given, **more})


def share(kept: Kept, *presses: str | None) -> tuple[Decision | None, str]:
    screen = Console(file=io.StringIO(), width=120, markup=False, highlight=False)
    answer = Prompt(screen, Scripted(iter(presses)), ALICE, now=lambda: NOW, drafts=kept).ask(
        Settled(DRAFTED, RequestState.OPEN)
    )
    assert isinstance(screen.file, io.StringIO)
    return None if answer is None else answer.decision, screen.file.getvalue()


LESS: Arguments = {"order": "A-1", "amount": 40}


def test_a_draft_is_changed_in_place_and_its_newest_version_is_taken() -> None:
    kept = Kept([version(1, DRAFTED.action.arguments)])
    decided, screen = share(kept, "e", '{"order": "A-1", "amount": 40}', "t")
    assert decided == Accept(version=2, arguments=LESS)
    assert [each.by for each in kept.made] == [None, ALICE]
    assert "version 1 by the agent" in screen
    assert "version 2 by alice (terminal, assertion)" in screen
    assert "version 2 is the newest" in screen


@pytest.mark.parametrize("typed", [None, ""])
def test_a_draft_that_is_not_changed_gets_no_version(typed: str | None) -> None:
    kept = Kept([version(1, DRAFTED.action.arguments)])
    decided, screen = share(kept, "e", typed, "q")
    assert (decided, len(kept.made)) == (None, 1)
    assert "nothing was changed" in screen


def test_who_was_slower_sees_what_the_other_did() -> None:
    kept = Kept([version(1, DRAFTED.action.arguments)], rival=True)
    decided, screen = share(kept, "e", '{"order": "A-1", "amount": 40}', "s", "shorter")
    assert decided == Revise(feedback="shorter")
    assert "'bob' has made version 2 since" in screen


@pytest.mark.parametrize("key", ["", "\r", "\n", " ", "A", "t", "s", "1", "0", "y", "z", "\x1b"])
def test_any_other_key_decides_nothing(key: str) -> None:
    decided, screen = ask(request(), key, "q")
    assert decided is None
    assert "none of the keys; nothing was decided" in screen


@pytest.mark.parametrize("presses", [["d", "x"], ["d", "y", None], ["d", "n", None]])
def test_thinking_better_of_a_report_decides_nothing(presses: list[str | None]) -> None:
    assert ask(request(**LED), *presses, "q")[0] is None


@pytest.mark.parametrize("presses", [["r", None], ["w", None], ["e", None], ["x", "why", "n"], ["x", None]])
def test_thinking_better_of_it_decides_nothing(presses: list[str | None]) -> None:
    assert ask(request(), *presses, "q")[0] is None


def test_only_what_is_allowed_is_offered() -> None:
    _, screen = ask(request(**CHOICE), "q")
    menu = screen[screen.rindex("╯") :]
    assert "1-2 choose" in menu
    assert "reject" in menu
    assert "approve" not in menu
    assert ask(request(**CHOICE), "a", "3", "q")[0] is None


def test_all_faults_of_an_edit_are_listed_and_asked_again() -> None:
    wrong = '{"amount": "a lot", "more": 1}'
    right = '{"order": "A-1", "amount": 1}'
    decided, screen = ask(request(), "e", wrong, right, "y")
    assert decided == (Edit(arguments={"order": "A-1", "amount": 1}), "")
    for fault in ("arguments.order: is missing", "arguments.more: is not a parameter", "arguments.amount: was number"):
        assert fault in screen


def test_an_edit_that_changes_nothing_is_no_approval() -> None:
    decided, screen = ask(request(), "e", "", "q")
    assert decided is None
    assert "nothing was changed" in screen


def test_an_edit_is_shown_before_it_is_sent() -> None:
    decided, screen = ask(request(), "e", '{"order": "A-1", "amount": 40}', "n", "q")
    assert decided is None
    assert "48.5" in screen[screen.index("from") :]
    assert "40" in screen[screen.index("from") :]


def test_ones_own_run_cannot_be_approved() -> None:
    decided, screen = ask(request(requested_for="alice"), "a", "q")
    assert decided is None
    assert "'alice' started this run; somebody else has to approve it" in screen


def test_everything_needed_to_decide_is_shown() -> None:
    _, screen = ask(
        request(
            preview=Preview(
                effect="Pay 48.50 EUR",
                target="Mira",
                affects="one customer",
                leaves="her account number goes to the bank",
                cost="48.50 EUR",
                reversible=False,
                diff="- 0\n+ 48.5",
                warnings=("Twice!",),
            ),
            approvers=Approvers(users=("lea",), roles=("lead",), quorum=2),
            requested_for="bob",
            deadline=NOW + timedelta(hours=3),
        ),
        "q",
    )
    for fact in (
        *("affects", "one customer", "leaves", "her account number goes to the bank"),
        *("Pay 48.50 EUR", "Mira", "reversible", "warning: Twice!", "+ 48.5"),
        *("order", "text", '"A-1"', "number", "48.5"),
        *("Money leaves the shop.", "rule money, version 7", "in 3 h", "then it is refused"),
        *("lea or role lead", "2 people have to agree", "not bob, who started the run"),
        *("request-1", "sha256:"),
    ):
        assert fact in screen


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Escalation(after_seconds=7200, users=("eva",)), "user eva too"),
        (Escalation(after_seconds=7200, users=("eva",), instead=True), "user eva instead"),
        (Escalation(after_seconds=7200, users=("eva",), instead=True, reassign=True), "user eva instead"),
        (Escalation(after_seconds=7200, instead=True, reassign=True), "nobody else"),
    ],
)
def test_who_is_asked_later_is_shown_as_it_will_be(step: Escalation, said: str) -> None:
    _, screen = ask(request(approvers=Approvers(users=("lea",)), escalation=(step,)), "q")
    (line,) = [line for line in screen.splitlines() if "escalation" in line]
    assert said in line


def test_what_the_agent_says_stands_apart_and_unverified() -> None:
    context = Context(message="Trust me.", confidence=0.9, confidence_source="self-report", alternatives=("wait",))
    _, screen = ask(request(context=context), "q")
    prose = screen[screen.index("the agent says (unverified)") :]
    assert "Trust me." not in screen[: screen.index("the agent says (unverified)")]
    for said in ("Trust me.", "90%", "self-report", "alternative: wait"):
        assert said in prose


def test_nothing_that_is_shown_can_steer_the_terminal_or_hide() -> None:
    hidden = "\x1b[8m\u202e\u200b"
    action = Action(tool=f"refund{hidden}", arguments={f"to{hidden}": hidden})
    asked = request(
        action=action,
        title=hidden,
        preview=Preview(
            effect=hidden,
            target=hidden,
            affects=hidden,
            leaves=hidden,
            cost=hidden,
            diff=hidden,
            warnings=(hidden,),
        ),
        context=Context(message=hidden, alternatives=(hidden,), details={hidden: hidden}),
        because=Because(rule=hidden, version=hidden, why=hidden),
    )
    _, screen = ask(asked, "v", "q")
    assert not set(hidden.replace("[8m", "")) & set(screen)
    assert screen.count("\\u202e") >= 26


def test_a_long_text_is_folded_until_all_of_it_is_asked_for() -> None:
    text = "\n".join(f"line {number}" for number in range(40))
    asked = request(action=Action(tool="send", arguments={"text": text}))
    _, folded = ask(asked, "q")
    assert "line 39" not in folded
    assert "folded: " in folded
    assert "line 39" in ask(asked, "v", "q")[1]


@pytest.mark.parametrize("field", ["effect", "target", "affects", "leaves", "cost", "diff"])
def test_a_long_preview_is_folded_too(field: str) -> None:
    text = "\n".join(f"+ line {number}" for number in range(40))
    asked = request(preview=Preview.model_validate({field: text}))
    _, folded = ask(asked, "q")
    assert "+ line 39" not in folded
    assert "folded: " in folded
    assert "+ line 39" in ask(asked, "v", "q")[1]


def test_an_effect_in_doubt_says_so_and_takes_its_result() -> None:
    doubt = request(kind=Kind.CHOICE, in_doubt=True, allowed=(Reply.CHOOSE,), options=(HAPPENED, NOT_HAPPENED, ABORT))
    decided, screen = ask(doubt, "1", "receipt 7")
    assert decided == (Choose(option="happened"), "receipt 7")
    assert "IN DOUBT" in screen
    assert ask(doubt, "3")[0] == (Choose(option="abort"), "")


def test_options_beyond_nine_are_chosen_by_id() -> None:
    many = tuple(Option(id=f"slot-{number}") for number in range(12))
    asked = request(kind=Kind.CHOICE, allowed=(Reply.CHOOSE,), options=many)
    assert ask(asked, "c", "slot-11")[0] == (Choose(option="slot-11"), "")
    decided, screen = ask(asked, "c", "slot-99", "q")
    assert decided is None
    assert "'slot-99' was not offered" in screen


def test_the_preview_follows_an_edit_and_a_reason_can_be_given() -> None:
    screen = Console(file=io.StringIO(), width=120, markup=False, highlight=False)
    keys = Scripted(iter(["e", '{"order": "A-1", "amount": 40}', "r", "as agreed"]))

    def preview(asked: PauseRequest, arguments: Arguments) -> Preview:
        return Preview(effect=f"Pay {arguments['amount']} EUR back")

    prompt = Prompt(screen, keys, ALICE, now=lambda: NOW, preview=preview)
    answer = prompt.ask(Settled(request(preview=Preview(effect="Pay 48.5 EUR back")), RequestState.OPEN))
    assert answer is not None
    assert (answer.decision, answer.reason) == (Edit(arguments={"order": "A-1", "amount": 40}), "as agreed")
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    assert shown.index("Pay 48.5 EUR back") < shown.index("Pay 40 EUR back")


def test_without_a_preview_of_the_edit_it_says_so() -> None:
    _, screen = ask(request(preview=Preview(effect="Pay")), "e", '{"order": "A-1", "amount": 40}', "n", "q")
    assert "there is none of the edited one" in screen


def test_v_shows_what_the_panel_leaves_out() -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "number", "maximum": 99}}}
    asked = request(arguments_schema=schema)
    assert '"maximum": 99' not in ask(asked, "q")[1]
    shown = ask(asked, "v", "q")[1]
    assert '"maximum": 99' in shown
    assert "refund#1, round " in shown


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (Origin(agent="refund_desk", path=("tools",)), "refund_desk (at tools)"),
        (Origin(agent="refund_desk"), "refund_desk"),
        (Origin(path=("crew", "writer")), "crew > writer"),
        (Origin(agent="writer", path=("writer",)), "writer"),
    ],
)
def test_the_agent_is_called_by_its_name(origin: Origin, said: str) -> None:
    action = Action(tool="refund", arguments={}, origin=origin)
    (line,) = [line for line in ask(request(action=action), "q")[1].splitlines() if "asked by" in line]
    assert line.strip("│ ").removeprefix("asked by").strip() == said
