"""May this response decide this request? Pure: values in, every fault out."""

from __future__ import annotations

from typing import assert_never

from .errors import Fault, NotCanonical, TooLarge
from .protocol import (
    GUIDANCE_LIMIT,
    PAYLOAD_LIMIT,
    RUNS_NOTHING,
    Accept,
    Answer,
    Approve,
    Approvers,
    Arguments,
    Cancel,
    Choose,
    Delegate,
    Edit,
    HandBack,
    Json,
    Kind,
    PauseRequest,
    Reject,
    Response,
    Revise,
    Stage,
    TakeOver,
    canonical,
)
from .quorum import is_of, people


def check(request: PauseRequest, response: Response) -> list[Fault]:
    """Everything that is wrong with the response's content; an empty list means that it may be recorded."""
    faults: list[Fault] = []
    if response.batch is not None and not request.batch and not isinstance(response.decision, Reject | Cancel):
        faults.append(
            Fault(
                "batch",
                "is not for this request: it is to be looked at alone; answer it by itself",
            )
        )
    if response.digest != request.digest:
        faults.append(Fault("digest", "is not the digest of the action in this request; show it again, then answer"))
    if response.decision.type not in request.allowed:
        allowed = ", ".join(request.allowed)
        faults.append(Fault("decision", f"{response.decision.type!r} is not offered here; offered: {allowed}"))
        return faults
    return faults + _content(request, response)


def authorise(request: PauseRequest, response: Response, asked: Stage | Approvers | None = None) -> list[Fault]:
    """Why this responder may not decide this request; an empty list means that they may.

    `asked` are those who are asked now; without it, whom the request names (where it has stages, the first).
    """
    who, asked = response.responder, asked or request.approvers.in_order[0]
    faults: list[Fault] = []
    if who.id in request.action.origin.path or who.id == request.action.origin.agent:
        faults.append(Fault("responder", f"{who.id!r} is the agent that asks; an agent never decides its own request"))
    if _is_self_approval(request, response):
        faults.append(Fault("responder", f"{who.id!r} started this run; somebody else has to approve it"))
    if not is_of(who, asked):
        faults.append(Fault("responder", f"{who.id!r} may not decide this; it needs {people(asked)}"))
    return faults


def guidance_faults(text: str) -> list[Fault]:
    """Everything that is wrong with guidance for an agent; an empty list means that it may be queued."""
    if not text.strip():
        return [Fault("text", "is empty; say what the agent is to know")]
    if len(text) > GUIDANCE_LIMIT:
        return [Fault("text", f"has {len(text):,} characters; at most {GUIDANCE_LIMIT:,}. Refer to longer documents")]
    return _storable(text, "text")


def schema_faults(schema: dict[str, Json], value: Json, path: str) -> list[Fault]:
    """All ways in which `value` breaks the JSON Schema, each with its dotted path; no `$ref` is ever fetched."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    try:
        Draft202012Validator.check_schema(schema)
        checker = Draft202012Validator(schema, registry=Registry())
        found = sorted(checker.iter_errors(value), key=lambda error: error.json_path)
    except SchemaError as exc:
        return [Fault(path, f"cannot be checked, its schema is invalid: {exc.message}")]
    except Exception as exc:  # a reference that leads nowhere or in circles, a broken pattern …
        return [Fault(path, f"cannot be checked, its schema cannot be followed: {type(exc).__name__}: {exc}")]
    return [Fault(path + error.json_path.removeprefix("$"), error.message) for error in found]


def _is_self_approval(request: PauseRequest, response: Response) -> bool:
    decision = response.decision
    consenting = isinstance(decision, Approve | Edit | Accept)
    if request.in_doubt and isinstance(decision, Choose):
        consenting = decision.option not in RUNS_NOTHING
    own = request.requested_for is not None and response.responder.id == request.requested_for
    return consenting and own and not request.approvers.allow_self


def _content(request: PauseRequest, response: Response) -> list[Fault]:
    match response.decision:
        case Edit(arguments=arguments):
            return _edit_faults(request, arguments)
        case Answer(value=value):
            return _answer_faults(request, value)
        case Choose(option=option):
            offered = [each.id for each in request.options]
            return [] if option in offered else [Fault("option", f"{option!r} was not offered; offered: {offered}")]
        case Revise(feedback=feedback):
            return [] if feedback.strip() else [Fault("feedback", "is empty; say what should change")]
        case Delegate(to=to):
            return [Fault("to", f"{to!r} is who answers; name somebody else")] if to == response.responder.id else []
        case TakeOver(text=text, heard=heard):
            silent = not text.strip() and not any(each.strip() for each in heard)
            return [Fault("text", "is empty; say something, or hand back")] if silent else []
        case HandBack(to=to):
            return _destination_faults(request, to)
        case Approve() | Reject() | Accept() | Cancel():
            return []
        case _:
            assert_never(response.decision)


def _destination_faults(request: PauseRequest, to: str | None) -> list[Fault]:
    """The agents that a conversation can be handed back to are the options of its request, if it has any."""
    offered = [each.id for each in request.options]
    if to is None or not offered or to in offered:
        return []
    return [Fault("to", f"{to!r} cannot take the conversation; those who can: {offered}")]


def _edit_faults(request: PauseRequest, arguments: Arguments) -> list[Fault]:
    faults = _storable(arguments, "arguments")
    if faults:
        return faults
    if request.arguments_schema is not None:
        return schema_faults(request.arguments_schema, arguments, "arguments")
    return _type_faults(request.action.arguments, arguments)


def _type_faults(before: Arguments, after: Arguments) -> list[Fault]:
    """Without a schema the edit may change values, not names or types."""
    faults = [Fault(f"arguments.{name}", "is missing") for name in before.keys() - after.keys()]
    faults += [Fault(f"arguments.{name}", "is not a parameter of this call") for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        if json_type(before[name]) != json_type(after[name]):
            problem = f"was {json_type(before[name])} and is now {json_type(after[name])}; keep the type"
            faults.append(Fault(f"arguments.{name}", problem))
    return sorted(faults, key=lambda fault: fault.path)


def _answer_faults(request: PauseRequest, value: Json) -> list[Fault]:
    faults = _storable(value, "value")
    if faults:
        return faults
    if request.answer_schema is not None:
        return schema_faults(request.answer_schema, value, "value")
    if request.kind in (Kind.INPUT, Kind.HANDOFF) and not isinstance(value, str):
        return [Fault("value", f"must be text, not {json_type(value)}")]
    if isinstance(value, str) and not value.strip():
        return [Fault("value", "is empty; an empty text is not an answer")]
    return []


def _storable(value: Json, path: str) -> list[Fault]:
    try:
        canonical(value, what=path, limit=PAYLOAD_LIMIT)
    except NotCanonical as exc:
        return list(exc.faults)
    except TooLarge as exc:
        return [Fault(path, str(exc))]
    return []


def json_type(value: Json) -> str:
    """The JSON name of a value's type, as people say it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"
