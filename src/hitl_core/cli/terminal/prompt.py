"""Asking the person at this terminal. One key is one decision; Enter, arrows and pasted text decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, Protocol

from rich.console import Console
from rich.text import Text

from ...checks import authorise, check
from ...commands import Settled
from ...errors import Fault, ResponseRefused
from ...gate import HAPPENED
from ...protocol import (
    Accept,
    Answer,
    Approve,
    Arguments,
    Ask,
    Cancel,
    Choose,
    Comment,
    Decision,
    DraftVersion,
    Edit,
    HandBack,
    Json,
    PauseRequest,
    Preview,
    Reject,
    Reply,
    Report,
    Responder,
    Response,
    Revise,
    TakeOver,
)
from ...quorum import asked_now
from .drafts import draft_lines
from .editing import answered, edited
from .render import changes_table, comments_panel, details, preview_lines, request_panel, shown

SHOW_ALL: Final = "v"
LEAVE: Final = "q"
_YES: Final = "y"
_REASON: Final = "r"
_PARTLY: Final = "p"
_NOT: Final = "n"
_OUTCOMES: Final[dict[str, Literal["done", "partly", "not_done"]]] = {_YES: "done", _PARTLY: "partly", _NOT: "not_done"}

_KEYS: Final[dict[Reply, tuple[str, str]]] = {
    Reply.APPROVE: ("a", "approve"),
    Reply.ACCEPT: ("t", "take it as it is"),
    Reply.EDIT: ("e", "edit"),
    Reply.REJECT: ("r", "reject"),
    Reply.ANSWER: ("w", "answer in words"),
    Reply.REPORT: ("d", "report what you did"),
    Reply.CHOOSE: ("c", "choose by id"),
    Reply.REVISE: ("s", "send back with feedback"),
    Reply.ASK: ("k", "ask the agent first"),
    Reply.TAKE_OVER: ("o", "speak in the agent's place"),
    Reply.HAND_BACK: ("b", "hand the conversation back"),
    Reply.CANCEL: ("x", "end the run"),
}
"""What can be decided here, and its key. The other replies need more than a line at a terminal."""


class Keys(Protocol):
    """Where keys and lines come from; `Keyboard` is the real one."""

    def key(self, show: Callable[[], None]) -> str: ...

    def line(self, question: str) -> str | None: ...


class Drafts(Protocol):
    """Where the versions of shared drafts are kept."""

    def versions(self, request: PauseRequest) -> tuple[DraftVersion, ...]: ...

    def change(self, request: PauseRequest, arguments: Arguments, *, base: int, by: Responder) -> DraftVersion: ...


Said = tuple[Decision, str]
"""A decision and its reason."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Shows a request and asks `who` for a decision."""

    console: Console
    keys: Keys
    who: Responder
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    preview: Callable[[PauseRequest, Arguments], Preview | None] = lambda request, arguments: None
    """What an edited call would do, where that can be told."""
    comments: Callable[[PauseRequest], Sequence[Comment]] = lambda request: ()
    """What was said about a request beside deciding it."""
    drafts: Drafts | None = None
    """Where the versions of shared drafts are."""

    def ask(self, settled: Settled) -> Response | None:
        """An answer in which we see no fault, or None: left for later. It is to the request exactly as shown."""
        self.console.print(request_panel(settled, now=self.now(), whole=False))
        if beside := comments_panel(self.comments(settled.request), self.now()):
            self.console.print(beside)
        draft = self._draft(settled.request)
        while True:
            key = self._key(menu(settled.request, self.who))
            if key == LEAVE:
                self._note("left for later; nothing was decided")
                return None
            if key == SHOW_ALL:
                self.console.print(request_panel(settled, now=self.now()), details(settled.request))
                continue
            if draft and reply_of(settled.request, key) is Reply.EDIT:
                self._change(settled.request, draft[-1])
                draft = self._draft(settled.request)
                continue
            said = self._said(settled.request, key, draft)
            answer = None if said is None else self._checked(settled, said)
            if answer is not None:
                return answer

    def complain(self, faults: Sequence[Fault]) -> None:
        """Every fault on a line of its own."""
        for fault in faults:
            self.console.print(Text.assemble(("  - ", "red"), shown(str(fault))))

    def _checked(self, settled: Settled, said: Said) -> Response | None:
        request = settled.request
        answer = self._response(request, said)
        asked = asked_now(request, settled.votes, answer, self.now())
        faults = authorise(request, answer, asked, settled.votes) + check(request, answer)
        self.complain(faults)
        return None if faults else answer

    def _response(self, request: PauseRequest, said: Said) -> Response:
        return Response.to(request, said[0], by=self.who, reason=said[1])

    def _said(self, request: PauseRequest, key: str, draft: Sequence[DraftVersion]) -> Said | None:
        """What the key stands for, asked through to its end; None if it came to nothing."""
        option = option_of(request, key)
        if option is not None:
            return self._choose(request, option)
        match reply_of(request, key):
            case Reply.APPROVE:
                return Approve(), ""
            case Reply.ACCEPT if draft:
                return Accept(version=draft[-1].number, arguments=draft[-1].arguments), ""
            case Reply.ACCEPT:
                return Accept(), ""
            case Reply.EDIT:
                return self._edit(request)
            case Reply.REJECT:
                return self._reject()
            case Reply.ANSWER:
                return self._answer(request)
            case Reply.REPORT:
                return self._report(request)
            case Reply.CHOOSE:
                option = self.keys.line("  which option, by its id: ")
                return self._choose(request, option.strip()) if option and option.strip() else None
            case Reply.REVISE:
                feedback = self.keys.line("  what should change: ")
                return (Revise(feedback=feedback), "") if feedback is not None else None
            case Reply.ASK:
                question = self.keys.line("  what do you want to know: ")
                return (Ask(question=question), "") if question is not None else None
            case Reply.TAKE_OVER:
                words = self.keys.line("  what do you say (you keep the floor): ")
                return (TakeOver(text=words), "") if words is not None else None
            case Reply.HAND_BACK:
                words = self.keys.line("  your last words before you hand back (may be empty): ")
                return (HandBack(text=words), "") if words is not None else None
            case Reply.CANCEL:
                return self._cancel()
            case _:
                self._note("that is none of the keys; nothing was decided")
                return None

    def _choose(self, request: PauseRequest, option: str) -> Said | None:
        if not (request.in_doubt and option == HAPPENED.id):
            return Choose(option=option), ""
        result = self.keys.line("  what was its result (the agent is told; empty: only that it happened): ")
        return None if result is None else (Choose(option=option), result)

    def _reject(self) -> Said | None:
        message = self.keys.line("  why (the agent is told): ")
        return None if message is None else (Reject(message=message), "")

    def _answer(self, request: PauseRequest) -> Said | None:
        value: tuple[Json] | None = answered(request.answer_schema, self.keys.line)
        return None if value is None else (Answer(value=value[0]), "")

    def _report(self, request: PauseRequest) -> Said | None:
        key = self._key(_question((_YES, "it is done"), (_PARTLY, "in part"), (_NOT, "it was not done")))
        if key not in _OUTCOMES:
            return None
        outcome = _OUTCOMES[key]
        result: tuple[Json] | None = (None,)
        if outcome != "not_done":
            self._note("what came of it is the tool's result")
            result = answered(request.answer_schema, self.keys.line)
        note = None if result is None else self.keys.line("  what the agent is to know (may be empty): ")
        return None if result is None or note is None else (Report(outcome=outcome, result=result[0], note=note), "")

    def _cancel(self) -> Said | None:
        reason = self.keys.line("  why: ")
        if reason is None or not self._sure("end the run; nothing that waits in it will run"):
            return None
        return Cancel(reason=reason), reason

    def _draft(self, request: PauseRequest) -> tuple[DraftVersion, ...]:
        """The versions of a shared draft, shown: what is taken later is the newest of these, none that came since."""
        if self.drafts is None or request.draft is None:
            return ()
        versions = self.drafts.versions(request)
        self.console.print(*draft_lines(versions, now=self.now()))
        return versions

    def _change(self, request: PauseRequest, newest: DraftVersion) -> None:
        """Make the next version of a shared draft; nothing is decided by that."""
        typed = edited(newest.arguments, request.arguments_schema, self.keys.line)
        if typed is None or typed == newest.arguments or self.drafts is None:
            self._note("nothing was changed")
            return
        try:
            self.drafts.change(request, typed, base=newest.number, by=self.who)
        except ResponseRefused as exc:
            self.complain(exc.faults)
        else:
            self._note("that is the next version; nothing is decided until somebody takes it")

    def _edit(self, request: PauseRequest) -> Said | None:
        """Ask for the arguments, all faults and again, until they fit or the person gives up."""
        arguments = request.action.arguments
        while (typed := edited(arguments, request.arguments_schema, self.keys.line)) is not None:
            arguments = typed
            faults = check(request, self._response(request, (Edit(arguments=arguments), "")))
            if not faults:
                return self._confirmed_edit(request, arguments)
            self.complain(faults)
        return None

    def _confirmed_edit(self, request: PauseRequest, arguments: Arguments) -> Said | None:
        if arguments == request.action.arguments:
            self._note("nothing was changed, so nothing was decided")
            return None
        self.console.print(changes_table(request.action.arguments, arguments))
        self._show_preview(request, arguments)
        key = self._key(_question((_YES, "run it like this"), (_REASON, "say why, then run it")))
        if key == _YES:
            return Edit(arguments=arguments), ""
        reason = self.keys.line("  why (the agent is told): ") if key == _REASON else None
        return None if reason is None else (Edit(arguments=arguments), reason)

    def _show_preview(self, request: PauseRequest, arguments: Arguments) -> None:
        made = self.preview(request, arguments)
        if made is not None:
            self.console.print(*preview_lines(made))
        elif request.preview.effect or request.preview.target or request.preview.cost:
            self._note("the preview above is of the call as the agent made it; there is none of the edited one")

    def _sure(self, what: str) -> bool:
        return self._key(_question((_YES, what))) == _YES

    def _key(self, question: Text) -> str:
        return self.keys.key(lambda: self.console.print(question))

    def _note(self, text: str) -> None:
        self.console.print(Text(text, "dim"))


def _question(*keys: tuple[str, str]) -> Text:
    made = Text("  ")
    for key, meaning in keys:
        made.append(key, "bold").append(f" {meaning}; ")
    return made.append("any other key: back")


def menu(request: PauseRequest, who: Responder) -> Text:
    """The keys that mean something here, and in whose name they are pressed."""
    made = Text()
    for key, meaning in _menu_entries(request):
        made.append(key, "bold").append(f" {meaning}   ", "")
    roles = f" as {', '.join(who.roles)}" if who.roles else ""
    return made.append("\n").append_text(shown(f"{who.id}{roles}, decide: ", "bold"))


def _menu_entries(request: PauseRequest) -> list[tuple[str, str]]:
    numbered = Reply.CHOOSE in request.allowed and bool(request.options)
    entries = [(f"1-{min(9, len(request.options))}", "choose")] if numbered else []
    for reply in request.allowed:
        if reply in _KEYS and not (reply is Reply.CHOOSE and len(request.options) <= 9):
            entries.append(_KEYS[reply])
    return [*entries, (SHOW_ALL, "show all of it"), (LEAVE, "leave it for later")]


def reply_of(request: PauseRequest, key: str) -> Reply | None:
    """The reply that a key stands for, if this request allows it."""
    return next((reply for reply in request.allowed if reply in _KEYS and _KEYS[reply][0] == key), None)


def option_of(request: PauseRequest, key: str) -> str | None:
    """The id of the option that a digit stands for."""
    if Reply.CHOOSE not in request.allowed or key not in "123456789" or not key:
        return None
    number = int(key)
    return request.options[number - 1].id if number <= len(request.options) else None
