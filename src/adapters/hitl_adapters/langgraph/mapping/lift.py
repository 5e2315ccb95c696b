"""Lifting: a native pause becomes what people are shown and may answer.

Order (research/langgraph.md §3.3, §3.4), first match wins: our own envelope → static breakpoint → registered codec →
LangChain's middleware and the Agent Inbox → `response_schema` → inference from the node's source → refused.
The two protocols come before the schema because they say more; what is lowered must fit the schema all the same.
"""

from __future__ import annotations

from dataclasses import replace

from hitl_core.protocol import Json, Kind, Option, Reply

from ..errors import ambiguous
from . import inbox, langchain
from .codecs import AnyCodec, Codec, CustomCodec, holes_in
from .inference import Sites, Unclear
from .pause import ENVELOPE, Gated, Lifted, NativePause
from .registry import Codecs
from .schemas import codec_for_form
from .shapes import Shape, options_of, schema_like, shape_of

_TITLE_LIMIT = 2_000
_REVIEWS = frozenset({Reply.ACCEPT, Reply.REVISE})


def lift(pause: NativePause, codecs: Codecs | None = None, sites: Sites | None = None) -> tuple[Lifted, ...] | Gated:
    """What one native pause asks of people; several requests if it is a batch.

    Gated means that the payload claims to be ours: only the store can say whether it is.
    Raises PauseAmbiguous, naming the line to write, where no answer is certain to be understood.
    """
    call = _call_in(pause.value)
    if call is not None:
        return Gated(call)
    if pause.static is not None:
        return (_breakpoint(pause),)
    try:
        if pause.fault:
            raise Unclear(pause.fault)
        found = _foreign(pause, codecs or Codecs(), sites)
        return tuple(_as_rendered(each, pause) for each in found) if pause.parts else found
    except Unclear as unclear:
        raise ambiguous(pause.place, str(unclear)) from None


def _call_in(value: Json) -> str | None:
    call = value.get(ENVELOPE) if isinstance(value, dict) else None
    return call if isinstance(call, str) and call else None


def _foreign(pause: NativePause, codecs: Codecs, sites: Sites | None) -> tuple[Lifted, ...]:
    registered = codecs.find(pause)
    if isinstance(registered, CustomCodec):
        return (_custom(pause, registered),)
    if registered is not None:
        return (_build(pause, registered, sites),)
    schema_of: langchain.SchemaOf = sites.tool_schema if sites else lambda tool: None
    if langchain.is_batched(pause.value):
        return langchain.lift_batched(pause, schema_of)
    if langchain.is_per_call(pause.value):
        return langchain.lift_per_call(pause, schema_of)
    if inbox.request_in(pause.value) is not None:
        return inbox.lift_inbox(pause, schema_of, indexed=sites.indexes_answer(pause) if sites else None)
    if pause.response_schema is not None:
        return (_build(pause, codec_for_form(pause), sites),)
    if sites is None:
        raise Unclear("the graph's source was not read")
    return (_build(pause, sites.codec_for(pause, shape_of(pause)), sites),)


def _as_rendered(lifted: Lifted, pause: NativePause) -> Lifted:
    """Without the replies that would send back what only looks like the payload. Raises Unclear if no yes is left."""
    lost = {Reply.EDIT, *(reply for reply in lifted.allowed if _sends_back(lifted, reply))}
    if pause.parts & {"", "options", "choices"}:
        lost.add(Reply.CHOOSE)
    allowed = tuple(reply for reply in lifted.allowed if reply not in lost)
    if not set(allowed) & {Reply.APPROVE, Reply.ACCEPT, Reply.ANSWER, Reply.CHOOSE}:
        raise Unclear("the code wants back what it showed, and that is not JSON; send JSON, or register a codec")
    return replace(lifted, allowed=allowed)


def _sends_back(lifted: Lifted, reply: Reply) -> bool:
    """Whether an approval has the shown arguments in it."""
    if lifted.codec["codec"] == "inbox":
        return reply is Reply.APPROVE
    replies = lifted.codec.get("replies")
    template = replies.get(reply.value) if isinstance(replies, dict) else None
    return any(hole in ("arguments", "argument") for hole in holes_in(template))


def _breakpoint(pause: NativePause) -> Lifted:
    """`interrupt_before` / `interrupt_after`: no payload and no value; it goes on, or the thread is cancelled."""
    return Lifted(
        index=0,
        kind=Kind.APPROVAL,
        tool=pause.node,
        arguments={"breakpoint": f"{pause.static} {pause.place}"},
        title=f"Go on {pause.static} {pause.node}?" if pause.static == "before" else f"{pause.node} is done. Go on?",
        allowed=(Reply.APPROVE, Reply.REJECT),
        codec={"codec": "breakpoint", "version": 1},
        arguments_schema=schema_like({"breakpoint": ""}, ()),
    )


def _custom(pause: NativePause, codec: CustomCodec) -> Lifted:
    shape = shape_of(pause)
    arguments = codec.show(pause.value) if codec.show else shape.arguments
    return Lifted(
        index=0,
        kind=_kind(codec.replies, shape),
        tool=shape.tool,
        arguments=arguments,
        title=shape.title[:_TITLE_LIMIT],
        allowed=codec.replies,
        codec={**codec.to_json(), "payload": pause.value, "response_schema": pause.response_schema},
        options=shape.options,
        arguments_schema=schema_like(arguments),
    )


def _build(pause: NativePause, codec: Codec, sites: Sites | None) -> Lifted:
    shape = shape_of(pause)
    options = _options(codec, shape)
    allowed = _allowed(codec, shape, options)
    if not allowed:
        raise Unclear(f"its codec {codec.name!r} has no reply that fits what is asked")
    known = sites.tool_schema(shape.tool) if sites and shape.call else None
    return Lifted(
        index=0,
        kind=_kind(allowed, shape),
        tool=shape.tool,
        arguments=shape.arguments,
        title=shape.title[:_TITLE_LIMIT],
        allowed=allowed,
        codec={**codec.to_json(), "response_schema": pause.response_schema},
        options=options,
        answer_schema=codec.answer_schema if Reply.ANSWER in allowed else None,
        arguments_schema=known or schema_like(shape.arguments, codec.editable),
        message=shape.title,
        details=shape.arguments,
    )


def _options(codec: Codec, shape: Shape) -> tuple[Option, ...]:
    if Reply.CHOOSE not in codec.replies:
        return ()
    return options_of(codec.options) if codec.options else shape.options


def _allowed(codec: AnyCodec, shape: Shape, options: tuple[Option, ...]) -> tuple[Reply, ...]:
    """What can be offered: a choice needs options, and with options a free answer is not offered beside them."""
    offered = [reply for reply in codec.replies if reply is not Reply.CHOOSE or options]
    if codec.origin == "registered" and options and Reply.CHOOSE in offered:
        offered = [reply for reply in offered if reply is not Reply.ANSWER]
    return tuple(reply for reply in Reply if reply in offered)


def _kind(allowed: tuple[Reply, ...], shape: Shape) -> Kind:
    if _REVIEWS & set(allowed):
        return Kind.REVIEW
    if Reply.CHOOSE in allowed:
        return Kind.CHOICE
    return Kind.APPROVAL if Reply.APPROVE in allowed else Kind.INPUT
