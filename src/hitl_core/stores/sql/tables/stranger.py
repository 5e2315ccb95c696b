"""Records in which one person stands under a pseudonym: who it was is gone, that it was one and the same is not. Pure.

What the person said is gone; where others name them, the pseudonym stands instead. What an action was about is left as
it is: that is the run's, and is erased with it.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeVar

from ....protocol import (
    Approvers,
    Asked,
    Comment,
    DraftVersion,
    Escalation,
    Grant,
    Guidance,
    Json,
    PauseRequest,
    Responder,
    Response,
    Said,
    Stage,
    decision_of,
)
from . import bodies, emptied

G = TypeVar("G", Approvers, Escalation, Stage)

_PAYLOAD: Final = ("arguments", "type")
"""Of a decision, what is not words."""


class Stranger:
    """One person, by the id that is to go and the name that stands for it."""

    def __init__(self, id: str, name: str) -> None:
        self.id, self.name = id, name
        # Not inside a longer word, address or id.
        self._word = re.compile(rf"(?<!\w)(?<!\w[@+.-]){re.escape(id)}(?!\w|[@+.-]\w)")
        self._said = re.compile(rf"\bby {re.escape(id)}: .+", re.DOTALL)
        self._in_json = json.dumps(id, ensure_ascii=False)[1:-1]

    def may_be_in(self, text: str) -> bool:
        """Whether this JSON text can name them. Cheap, and never wrongly no."""
        return self._in_json in text

    def called(self, id: str) -> str:
        return self.name if id == self.id else id

    def words(self, text: str) -> str:
        """A text that does not name them."""
        return self._word.sub(self.name, text)

    def because(self, text: str) -> str:
        """Why something ended, as `... by WHO: what they said`."""
        return self.words(self._said.sub(lambda _: f"by {self.id}: {emptied.ERASED}", text))

    def everywhere(self, value: Any) -> Any:
        """The same for all the texts in a JSON value."""
        if isinstance(value, str):
            return self.words(value)
        if isinstance(value, dict):
            return {key: self.everywhere(each) for key, each in value.items()}
        return [self.everywhere(each) for each in value] if isinstance(value, list | tuple) else value

    def list_of_users(self, users: str) -> str:
        """A JSON list of ids, in the spelling in which it is stored."""
        return json.dumps([self.called(each) for each in json.loads(users)])

    def marks(self, more: str) -> str:
        """What a run's row says besides: who has replaced its output, and who has erased it."""
        said: dict[str, Any] = json.loads(more)
        marks = {key: self._mark(said[key]) for key in ("overridden", "erased") if key in said}
        return more if marks.items() <= said.items() else bodies.json_text(said | marks, what="run")

    def _mark(self, mark: dict[str, Any]) -> dict[str, Any]:
        if mark.get("by") == self.id:
            return mark | {"by": self.name} | ({"reason": emptied.ERASED} if mark.get("reason") else {})
        return mark | ({"reason": self.words(mark["reason"])} if "reason" in mark else {})

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────

    def responder(self, who: Responder) -> Responder:
        if who.id == self.id:
            return emptied.responder(who, self.name).model_copy(update={"acting_for": who.acting_for})
        stood_in_for = who.acting_for
        if stood_in_for is None or stood_in_for.id != self.id:
            return who
        return who.model_copy(update={"acting_for": stood_in_for.model_copy(update={"id": self.name, "roles": ()})})

    def response(self, given: Response) -> Response:
        who = self.responder(given.responder)
        if given.responder.id == self.id:
            return emptied.response(given, self.name).model_copy(update={"responder": who})
        decision = given.decision.model_dump(mode="json")
        said = {key: value if key in _PAYLOAD else self.everywhere(value) for key, value in decision.items()}
        changed = {"responder": who, "reason": self.words(given.reason)}
        return given.model_copy(update=changed | ({} if said == decision else {"decision": decision_of(said)}))

    def request(self, asked: PauseRequest) -> PauseRequest:
        return asked.model_copy(
            update={
                "title": self.words(asked.title),
                "because": asked.because.model_copy(update={"why": self.words(asked.because.why)}),
                "approvers": self._approvers(asked.approvers),
                "escalation": tuple(self._group(each) for each in asked.escalation),
                "requested_for": None if asked.requested_for is None else self.called(asked.requested_for),
                "asked": tuple(map(self._asked, asked.asked)),
            }
        )

    def _approvers(self, asked: Approvers) -> Approvers:
        return self._group(asked).model_copy(update={"stages": tuple(self._group(each) for each in asked.stages)})

    def _group(self, asked: G) -> G:
        return asked.model_copy(update={"users": tuple(map(self.called, asked.users))})

    def _asked(self, said: Asked) -> Asked:
        own = said.by == self.id
        question = emptied.ERASED if own else self.words(said.question)
        return said.model_copy(update={"by": self.called(said.by), "question": question})

    def guidance(self, told: Guidance) -> Guidance:
        if told.by.id == self.id:
            return emptied.guidance(told, self.name)
        return told.model_copy(update={"text": self.words(told.text), "by": self.responder(told.by)})

    def comment(self, said: Comment) -> Comment:
        text = emptied.ERASED if said.by.id == self.id else self.words(said.text)
        return said.model_copy(update={"text": text, "by": self.responder(said.by)})

    def said(self, message: Said) -> Said:
        """Also what they have said in the words of others; what a tool was called with is the run's."""
        own = message.by is not None and message.by == self.id
        by = None if message.by is None else self.called(message.by)
        return message.model_copy(update={"text": emptied.ERASED if own else self.words(message.text), "by": by})

    def draft(self, version: DraftVersion) -> DraftVersion:
        if version.by is None:
            return version
        own = version.by.id == self.id and version.note
        note = emptied.ERASED if own else self.words(version.note)
        return version.model_copy(update={"by": self.responder(version.by), "note": note})

    def grant(self, given: Grant) -> Grant:
        if given.by.id == self.id:
            return emptied.grant(given, self.name)
        when: dict[str, Json] | None = self.everywhere(given.allows.when)
        allows = given.allows if when == given.allows.when else given.allows.model_copy(update={"when": when})
        changed = {"allows": allows, "by": self.responder(given.by), "reason": self.words(given.reason)}
        return given.model_copy(update=changed)
