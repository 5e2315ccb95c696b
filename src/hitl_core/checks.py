"""May this response decide this request? Pure: values in, every fault out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from .errors import Fault, NotCanonical, TooLarge
from .protocol import (
    COMMENT_LIMIT,
    GUIDANCE_LIMIT,
    PAYLOAD_LIMIT,
    RUNS_NOTHING,
    Accept,
    Answer,
    Approve,
    Approvers,
    Arguments,
    Ask,
    Cancel,
    Choose,
    Delegate,
    Edit,
    HandBack,
    Json,
    Kind,
    PauseRequest,
    Reject,
    Report,
    Responder,
    Response,
    Revise,
    Stage,
    TakeOver,
    canonical,
    mask_faults,
    mask_paths,
)
from .quorum import agreements, given_on, is_of, people, voices


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
    offered = response.decision.type in request.allowed
    if not offered and not (isinstance(response.decision, Delegate) and request.allowed):
        allowed = ", ".join(request.allowed)
        faults.append(Fault("decision", f"{response.decision.type!r} is not offered here; offered: {allowed}"))
        return faults
    return faults + _content(request, response)


def authorise(
    request: PauseRequest,
    response: Response,
    asked: Stage | Approvers | None = None,
    said: Iterable[Response] = (),
) -> list[Fault]:
    """Why this responder may not decide this request; an empty list means that they may.

    `asked` are those who are asked now; without it, whom the request names (where it has stages, the first). `said` is
    what was said about it before: whoever gave it on does not decide it any more.
    """
    who = response.responder
    faults = _strangers(request, who, asked or request.approvers.in_order[0], said)
    if _is_self_approval(request, response):
        faults.append(Fault("responder", f"{who.id!r} started this run; somebody else has to approve it"))
    return faults


def _strangers(
    request: PauseRequest, who: Responder, asked: Stage | Approvers, said: Iterable[Response]
) -> list[Fault]:
    faults: list[Fault] = []
    if who.id in request.action.origin.agents:
        faults.append(Fault("responder", f"{who.id!r} is the agent that asks; an agent never decides its own request"))
    for given in given_on(said):
        if voices(given.responder) & voices(who):
            faults.append(Fault("responder", f"{who.id!r} may not decide this; it was given on to {_to(given)!r}"))
    if not is_of(who, asked):
        faults.append(Fault("responder", f"{who.id!r} may not decide this; it needs {people(asked)}"))
    return faults


def giving_on_faults(
    request: PauseRequest, response: Response, asked: Approvers, said: Iterable[Response]
) -> list[Fault]:
    """Why this request cannot be given on to that person; nothing for another decision.

    `asked` are those who are asked now in all stages, `said` is what was said about the request before.
    """
    if not isinstance(response.decision, Delegate):
        return []
    to, faults = response.decision.to, list[Fault]()
    said = tuple(said)
    if to in request.action.origin.agents:
        faults.append(Fault("to", f"{to!r} is the agent that asks; name a person"))
    if to == request.requested_for and not request.approvers.allow_self:
        faults.append(Fault("to", f"{to!r} started this run; name somebody else"))
    if any(to in voices(given.responder) for given in given_on(said)):
        faults.append(Fault("to", f"{to!r} gave this request on before, so it would go round in circles"))
    if any(to in stage.users for stage in asked.in_order):
        faults.append(Fault("to", f"{to!r} is asked already"))
    if any(voices(vote.responder) & voices(response.responder) for vote in agreements(said)):
        faults.append(Fault("responder", f"{response.responder.id!r} has voted on this request, and cannot give it on"))
    return faults


def guidance_faults(text: str) -> list[Fault]:
    """Everything that is wrong with guidance for an agent; an empty list means that it may be queued."""
    return _words_faults(text, GUIDANCE_LIMIT, "say what the agent is to know")


def comment_faults(text: str) -> list[Fault]:
    """Everything that is wrong with a comment on a request; an empty list means that it may be kept."""
    return _words_faults(text, COMMENT_LIMIT, "say what whoever decides is to know")


def _words_faults(text: str, most: int, instead: str) -> list[Fault]:
    if not text.strip():
        return [Fault("text", f"is empty; {instead}")]
    if len(text) > most:
        return [Fault("text", f"has {len(text):,} characters; at most {most:,}. Refer to longer documents")]
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


def _to(given: Response) -> str:
    assert isinstance(given.decision, Delegate)
    return given.decision.to


def _is_self_approval(request: PauseRequest, response: Response) -> bool:
    decision = response.decision
    consenting = isinstance(decision, Approve | Edit | Accept)
    if request.in_doubt and isinstance(decision, Choose):
        consenting = decision.option not in RUNS_NOTHING
    own = request.requested_for is not None and request.requested_for in voices(response.responder)
    return consenting and own and not request.approvers.allow_self


def _content(request: PauseRequest, response: Response) -> list[Fault]:
    match response.decision:
        case Edit(arguments=arguments):
            return _edit_faults(request, arguments)
        case Accept(version=version, arguments=changed):
            return _version_faults(request, version, changed)
        case Answer(value=value):
            return _answer_faults(request, value)
        case Report():
            return _report_faults(request, response.decision)
        case Choose(option=option):
            offered = [each.id for each in request.options]
            return [] if option in offered else [Fault("option", f"{option!r} was not offered; offered: {offered}")]
        case Revise(feedback=feedback):
            return [] if feedback.strip() else [Fault("feedback", "is empty; say what should change")]
        case Ask(question=question):
            return [] if question.strip() else [Fault("question", "is empty; say what you want to know")]
        case Delegate(to=to):
            own = to in voices(response.responder)
            return [Fault("to", f"{to!r} is who answers; name somebody else")] if own else []
        case TakeOver(text=text, heard=heard):
            silent = not text.strip() and not any(each.strip() for each in heard)
            return [Fault("text", "is empty; say something, or hand back")] if silent else []
        case HandBack(to=to):
            return _destination_faults(request, to)
        case Approve() | Reject() | Cancel():
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
    changed = mask_faults(request.action.arguments, arguments)
    if changed:
        return [Fault(f"arguments.{'.'.join(path)}", _MASKED) for path in changed]
    if request.arguments_schema is not None:
        found = schema_faults(request.arguments_schema, arguments, "arguments")
        return _unmasked(found, request.action.arguments)
    return _type_faults(request.action.arguments, arguments)


_MASKED: Final = (
    "is secret and shown masked: leave the mask as it is, which keeps the value; to change it, reject the call"
)


def _unmasked(faults: list[Fault], shown: Arguments) -> list[Fault]:
    """Without those about a mask that was shown: the value behind it is the one that was proposed.

    A text that somebody wrote like a mask has nothing behind it, and is checked as what it is.
    """
    places = {f"arguments.{'.'.join(path)}" for path, _ in mask_paths(shown)}
    return [fault for fault in faults if fault.path.replace("[", ".").replace("]", "") not in places]


def _version_faults(request: PauseRequest, version: int | None, arguments: Arguments | None) -> list[Fault]:
    if version is None and arguments is None:
        return []
    if request.draft is None:
        return [Fault("version", "means nothing here: this request has no shared draft")]
    if version is None or arguments is None:
        return [Fault("version", "of a draft is accepted with its arguments; give both")]
    return _edit_faults(request, arguments)


def draft_faults(
    request: PauseRequest,
    who: Responder,
    arguments: Arguments,
    asked: Stage | Approvers,
    said: Iterable[Response] = (),
) -> list[Fault]:
    """Why this person may not make these arguments the next version of a draft; an empty list means that they may.

    `asked` are those who are asked now, `said` is what was said about it before. Whoever started the run may: it takes
    another person to let it run.
    """
    return _strangers(request, who, asked, said) + _edit_faults(request, arguments)


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


def _report_faults(request: PauseRequest, said: Report) -> list[Fault]:
    faults = _storable(said.result, "result")
    if said.outcome == "not_done" and said.result is not None:
        faults.append(Fault("result", "means nothing where it was not done; say why in the note"))
    if said.outcome == "partly" and not said.note.strip():
        faults.append(Fault("note", "is empty; say what was done and what was not"))
    due = said.outcome == "done" or (said.outcome == "partly" and said.result is not None)
    if due and not faults and request.answer_schema is not None:
        return schema_faults(request.answer_schema, said.result, "result")
    return faults


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
