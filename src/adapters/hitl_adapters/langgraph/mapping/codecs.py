"""Codecs: what each decision means to the code that waits at a pause, as templates with holes.

codecs = Codecs({"review_node": boolean()})
codecs.register(node="ask", payload_type="approval", codec=words(approve="ship it", reject="hold"))

`{"$": "message"}` is filled from the decision, everything else is sent as is. Holes are filled once and what is filled
in is never looked into, so no answer can smuggle one in.

| hole                            | filled with                                                          |
|---------------------------------|----------------------------------------------------------------------|
| `{"$": "message"}`              | the words of a rejection or of feedback, else `default`              |
| `{"$": "value"}`                | the answer                                                           |
| `{"$": "chosen"}`               | the chosen option, exactly as it was listed                          |
| `{"$": "arguments"}`            | all arguments: edited, or as shown                                   |
| `{"$": "argument", "name": n}`  | one of them                                                          |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hitl_core.errors import ConfigError, Fault
from hitl_core.protocol import Decision, Json, Reply

Lower = Callable[[Decision, Json], Json]
"""(decision, payload of the interrupt) → the value that `interrupt()` shall return."""
Show = Callable[[Json], dict[str, Json]]
"""payload of the interrupt → what is shown of it as arguments."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A template per reply. What has no template cannot be told to the code and is not offered.

    `reserved` are texts that the code takes for a decision, so free words equal to one are refused. `editable` names
    the arguments that an edit may change (None: all).
    """

    name: str
    replies: Mapping[Reply, Json]
    origin: str = "registered"
    reserved: tuple[str, ...] = ()
    editable: tuple[str, ...] | None = None
    answer_schema: dict[str, Json] | None = None
    options: tuple[Json, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """What another process needs to lower the same way."""
        return {
            "codec": "templates",
            "version": 1,
            "name": self.name,
            "replies": {reply.value: template for reply, template in self.replies.items()},
            "reserved": list(self.reserved),
            "editable": None if self.editable is None else list(self.editable),
            "answer_schema": self.answer_schema,
        }


@dataclass(frozen=True, slots=True)
class CustomCodec:
    """Two functions of the user's. Only name and version are stored, so the lowering process must register it too."""

    name: str
    lower: Lower
    show: Show | None = None
    replies: tuple[Reply, ...] = (Reply.APPROVE, Reply.REJECT)
    version: int = 1
    origin: str = field(default="registered", init=False)

    def to_json(self) -> dict[str, Json]:
        return {"codec": "custom", "name": self.name, "version": self.version}


AnyCodec = Codec | CustomCodec


def boolean() -> Codec:
    """`if interrupt(…):` — True and False."""
    return Codec("boolean", {Reply.APPROVE: True, Reply.REJECT: False})


def words(approve: str = "yes", reject: str = "no") -> Codec:
    """`if interrupt(…) == "yes":` — two words."""
    return Codec("words", {Reply.APPROVE: approve, Reply.REJECT: reject}, reserved=(approve, reject))


def fields(approved: str = "approved", reason: str | None = "feedback", edited: str | None = None) -> Codec:
    """`answer["approved"]` with a reason under another key; `edited` names a key for changed arguments."""
    told: dict[str, Json] = {} if reason is None else {reason: ""}
    replies: dict[Reply, Json] = {
        Reply.APPROVE: {approved: True, **told},
        Reply.REJECT: {approved: False} | ({} if reason is None else {reason: dict(MESSAGE)}),
    }
    if reason is not None:
        replies[Reply.REVISE] = replies[Reply.REJECT]
    if edited is not None:
        replies[Reply.EDIT] = {approved: True, **told, edited: dict(ARGUMENTS)}
    return Codec("fields", replies)


def text() -> Codec:
    """The answer, or the chosen option, as it is. Says nothing about approving."""
    return Codec("text", {Reply.ANSWER: dict(VALUE), Reply.CHOOSE: dict(CHOSEN)}, answer_schema={"type": "string"})


def raw() -> Codec:
    """Any JSON answer as it is: the person writes exactly what `interrupt()` returns."""
    return Codec("raw", {Reply.ANSWER: dict(VALUE)})


def templates(replies: Mapping[str, Json], *, name: str = "templates") -> Codec:
    """One template per reply, by its name. Raises ConfigError for unknown replies, and for holes that nothing fills."""
    wrong = [Fault(reply, "is not a reply") for reply in replies if reply not in set(Reply)]
    wrong += [Fault(reply, fault) for reply, template in replies.items() for fault in faults(template, reply)]
    if wrong or not replies:
        raise ConfigError(wrong or "a codec needs at least one reply")
    plain = tuple(t for t in replies.values() if isinstance(t, str))
    return Codec(name, {Reply(reply): template for reply, template in replies.items()}, reserved=plain)


HOLES: Final = frozenset({"message", "value", "chosen", "arguments", "argument"})
_SAID: Final[dict[str, str]] = {
    Reply.REJECT: "message",
    Reply.REVISE: "message",
    Reply.ANSWER: "value",
    Reply.CHOOSE: "chosen",
}
"""What a reply fills beside the arguments."""

MESSAGE: Final[dict[str, Json]] = {"$": "message", "default": "Rejected by a reviewer."}
VALUE: Final[dict[str, Json]] = {"$": "value"}
CHOSEN: Final[dict[str, Json]] = {"$": "chosen"}
ARGUMENTS: Final[dict[str, Json]] = {"$": "arguments"}


def argument(name: str) -> dict[str, Json]:
    return {"$": "argument", "name": name}


def fill(template: Json, values: Mapping[str, Json]) -> Json:
    """The template with its holes filled. Raises KeyError for an argument that is not there."""
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if not isinstance(template, dict):
        return template
    if "$" not in template:
        return {key: fill(item, values) for key, item in template.items()}
    hole = template["$"]
    if hole == "argument":
        arguments = values["arguments"]
        return arguments[str(template["name"])] if isinstance(arguments, dict) else None
    found = values[str(hole)]
    return template.get("default", found) if found == "" else found


def holes_in(template: Json) -> list[str]:
    """The holes that a template has."""
    if isinstance(template, list):
        return [hole for item in template for hole in holes_in(item)]
    if not isinstance(template, dict):
        return []
    return [str(template["$"])] if "$" in template else [hole for item in template.values() for hole in holes_in(item)]


def faults(template: Json, reply: str) -> list[str]:
    """What is wrong with a template that a user wrote for a reply."""
    if isinstance(template, list):
        return [fault for item in template for fault in faults(item, reply)]
    if not isinstance(template, dict):
        return []
    return _hole_faults(template, reply) if "$" in template else faults([*template.values()], reply)


def _hole_faults(hole: dict[str, Json], reply: str) -> list[str]:
    named = hole["$"]
    if not isinstance(named, str) or named not in HOLES:
        return [f"{named!r} is not a hole; there are {', '.join(sorted(HOLES))}"]
    if named == "argument" and not isinstance(hole.get("name"), str):
        return ['the hole \'argument\' needs the name of one: { "$" = "argument", name = "amount" }']
    fills = ("arguments", "argument", *((_SAID[reply],) if reply in _SAID else ()))
    return [] if named in fills else [f"nothing fills the hole {named!r} there; {reply!r} fills {', '.join(fills)}"]
