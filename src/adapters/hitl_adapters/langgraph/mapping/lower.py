"""Lowering: what people decided becomes the value that `interrupt()` must return.

A wrong value is consumed and bricks the thread (research/langgraph.md §2.4), so everything is checked before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hitl_core.errors import Fault, HitlError, PauseAmbiguous, ResponseRefused
from hitl_core.protocol import (
    Accept,
    Answer,
    Approve,
    Choose,
    Decision,
    Edit,
    Json,
    OnTimeout,
    PauseRequest,
    Reject,
    Revise,
)

from ..errors import not_told
from . import inbox, langchain
from .codecs import fill
from .pause import Expired
from .registry import Codecs
from .schemas import check

GO_ON: Final = True
CANCEL_THREAD: Final = False
"""What a static breakpoint lowers to: resume with `None`, or end the thread with `update_state(…, as_node=END)`."""

Settled = tuple[PauseRequest, Decision | Expired]


def lower(codec: Mapping[str, Json], answers: Sequence[Settled], *, codecs: Codecs | None = None) -> Json:
    """The resume value for one interrupt, from every request it was lifted to, in the order of `Lifted.index`.

    Raises ResponseRefused (all faults) for an answer that this pause cannot take, PauseAmbiguous where an answer has no
    certain meaning or requests of the batch are still open, DigestMismatch where answer and call do not belong
    together. Nothing was resumed then.
    """
    expected = codec.get("of", 1)
    if len(answers) != expected:
        raise PauseAmbiguous(f"this interrupt needs {expected} answers at once, and {len(answers)} are there")
    value = _lowered(dict(codec), answers, codecs or Codecs())
    if codec["codec"] != "breakpoint":
        check(value, _schema(codec), "decision")
    return value


def _schema(codec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    schema = codec.get("response_schema")
    return schema if isinstance(schema, dict) else None


def _lowered(codec: dict[str, Any], answers: Sequence[Settled], codecs: Codecs) -> Json:
    name = codec["codec"]
    if codec.get("version") != 1 and name != "custom":
        raise PauseAmbiguous(f"codec {name!r} version {codec.get('version')} was written by another release")
    if name == "langchain.batched":
        calls = zip(codec["calls"], answers, strict=True)
        return {"decisions": [_langchain(call, request, answer) for call, (request, answer) in calls]}
    request, answer = answers[0]
    match name:
        case "langchain.per_call":
            return _langchain(codec, request, answer)
        case "inbox":
            return inbox.lower_inbox(request, _checked(request, answer, codec["allowed"]), codec)
        case "breakpoint":
            return _breakpoint(_settle(answer, ("approve", "reject")))
        case "custom":
            return _custom(request, answer, codec, codecs)
        case "templates":
            return _templates(request, answer, codec)
        case _:
            raise PauseAmbiguous(f"there is no codec {name!r} in this release")


def _langchain(call: dict[str, Any], request: PauseRequest, answer: Decision | Expired) -> dict[str, Json]:
    return langchain.decision_for(request, _checked(request, answer, call["allowed"]), call)


def _checked(request: PauseRequest, answer: Decision | Expired, allowed: Any) -> Decision:
    decision = _settle(answer, allowed)
    if isinstance(decision, Edit):
        check(decision.arguments, request.arguments_schema, "decision.arguments")
    return decision


def _settle(answer: Decision | Expired, allowed: Sequence[str]) -> Decision:
    """A deadline that passed is a rejection or an approval, as the request declared."""
    if not isinstance(answer, Expired):
        return answer
    made: dict[str, Decision] = {}
    if answer.on_timeout is OnTimeout.PROCEED:
        made = {"approve": Approve(), "accept": Accept()}
    elif answer.on_timeout is OnTimeout.REFUSE:
        made = {"reject": Reject(message=answer.message), "revise": Revise(feedback=answer.message)}
    for reply, decision in made.items():
        if reply in allowed:
            return decision
    raise PauseAmbiguous(
        f"the deadline has passed and {answer.on_timeout.value!r} cannot be told to this pause "
        f"(it takes {', '.join(allowed)}); cancel the run, or set on_timeout = 'cancel_run'"
    )


def _breakpoint(decision: Decision) -> Json:
    match decision:
        case Approve():
            return GO_ON
        case Reject():
            return CANCEL_THREAD
        case _:
            raise not_told(decision, ("approve", "reject"))


def _custom(request: PauseRequest, answer: Decision | Expired, stored: dict[str, Any], codecs: Codecs) -> Json:
    name, version = stored["name"], stored["version"]
    codec = codecs.custom(name, version)
    if codec is None:
        raise PauseAmbiguous(f"the codec {name!r} version {version} is not registered in this process")
    decision = _checked(request, answer, codec.replies)
    if decision.type not in codec.replies:
        raise not_told(decision, codec.replies)
    try:
        return codec.lower(decision, stored["payload"])
    except HitlError:
        raise
    except Exception as error:
        raise PauseAmbiguous(f"the codec {name!r} failed: {type(error).__name__}: {error}") from error


# ── templates ────────────────────────────────────────────────────────────────────────────────────────────────


def _templates(request: PauseRequest, answer: Decision | Expired, codec: dict[str, Any]) -> Json:
    replies: dict[str, Json] = codec["replies"]
    decision = _settle(answer, tuple(replies))
    if decision.type not in replies:
        raise not_told(decision, replies)
    template = replies[decision.type]
    _check_edit(request, decision, codec["editable"])
    values = _values(request, decision, codec)
    if _free_text(template) and _reserved(values.get("message", values.get("value")), codec["reserved"]):
        return _instead_of_reserved(template, decision)
    try:
        return fill(template, values)
    except KeyError as exc:
        missing = Fault(f"decision.arguments.{exc.args[0]}", "is missing; the code that waits takes it")
        raise ResponseRefused([missing]) from exc


def _check_edit(request: PauseRequest, decision: Decision, editable: list[str] | None) -> None:
    if not isinstance(decision, Edit):
        return
    check(decision.arguments, request.arguments_schema, "decision.arguments")
    if editable is None:
        return
    shown = request.action.arguments
    wrong = [key for key in {*shown, *decision.arguments} - set(editable) if _differs(key, shown, decision.arguments)]
    if wrong:
        known = ", ".join(editable) or "nothing"
        problem = f"cannot be changed; the code only takes a new {known}"
        raise ResponseRefused([Fault(f"decision.arguments.{key}", problem) for key in sorted(wrong)])


def _differs(key: str, shown: Mapping[str, Json], edited: Mapping[str, Json]) -> bool:
    return key not in shown or key not in edited or shown[key] != edited[key]


def _values(request: PauseRequest, decision: Decision, codec: Mapping[str, Any]) -> dict[str, Json]:
    """What the holes of a template may be filled with."""
    arguments: Json = dict(request.action.arguments)
    match decision:
        case Edit(arguments=edited):
            return {"arguments": edited}
        case Reject(message=text) | Revise(feedback=text):
            return {"arguments": arguments, "message": text}
        case Answer(value=value):
            check(value, codec["answer_schema"], "decision.value")
            return {"arguments": arguments, "value": value}
        case Choose(option=option):
            return {"arguments": arguments, "chosen": _chosen(request, option)}
        case _:
            return {"arguments": arguments}


def _chosen(request: PauseRequest, wanted: str) -> Json:
    for option in request.options:
        if option.id == wanted:
            return option.chosen
    offered = ", ".join(option.id for option in request.options)
    raise ResponseRefused([Fault("decision.option", f"{wanted!r} is not offered; there are: {offered}")])


def _free_text(template: Json) -> bool:
    """Whether a person's own words would stand alone, where the code looks for words of decision."""
    return isinstance(template, dict) and template.get("$") in ("message", "value")


def _reserved(said: Json, reserved: Sequence[str]) -> bool:
    return isinstance(said, str) and said.strip().casefold() in {word.strip().casefold() for word in reserved}


def _instead_of_reserved(template: Json, decision: Decision) -> Json:
    """Free text is never consent: words that the code takes for a decision are not sent as words."""
    if isinstance(template, dict) and not isinstance(decision, Answer):
        return template["default"]
    raise ResponseRefused([Fault("decision.value", "the code takes this for a decision; approve or reject instead")])
