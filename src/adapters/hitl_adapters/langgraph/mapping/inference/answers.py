"""The answer as a whole: a yes or a no, a word, an option, a text; or a record, which `records` reads."""

from __future__ import annotations

from typing import Any

from hitl_core.protocol import Json, Reply

from ..codecs import CHOSEN, MESSAGE, VALUE, Codec, argument
from ..shapes import Shape
from ..vocabulary import is_neutral, speaks_of_editing, stands_for
from .events import Site, What
from .records import infer_record
from .verdicts import Unclear, Verb, verb_of


def infer(site: Site, shape: Shape, *, parsed: bool = False) -> Codec:
    """The codec that the source shows. `parsed`: `interrupt()` returns an object by its `response_schema`.

    Raises Unclear with the reason.
    """
    if site.lost:
        raise Unclear(f"the answer is {', '.join(site.lost)}, which cannot be followed")
    if not parsed and any(use.does(What.ATTRIBUTE) for use in site.uses.values()):
        raise Unclear("the answer is read by attribute, which no JSON value allows")
    if site.keys and shape.options and _reads_an_option(site, shape):
        return Codec("option", {Reply.CHOOSE: dict(CHOSEN)}, origin="inferred")
    if site.keys:
        return infer_record(site, shape)
    return _whole(site, shape)


def _reads_an_option(site: Site, shape: Shape) -> bool:
    keys = set(site.keys)
    return all(isinstance(option.value, dict) and keys <= set(option.value) for option in shape.options)


def _whole(site: Site, shape: Shape) -> Codec:
    use = site.root
    if not use.events:
        return Codec("acknowledge", {Reply.APPROVE: True}, origin="inferred")
    if shape.options and not any(test.what is not What.EQUAL for test in use.tests):
        return _option(site, shape)
    if use.opaque:
        raise Unclear(f"the answer is {', '.join(use.opaque)}, which cannot be followed")
    if not use.tests:
        return _untested(site, shape)
    verb = verb_of(use, site.names | _stored(site), called="the answer", asks_approval=shape.asks_approval)
    return _boolean(site, shape, verb) if verb.boolean else _word(site, verb)


def _stored(site: Site) -> set[str]:
    return set(site.root.details(What.STORED)) - {"*"}


def _named_yes(site: Site) -> bool:
    names = [name for name in site.names | _stored(site) if not is_neutral(name)]
    return bool(names) and all(stands_for(name) for name in names)


def _boolean(site: Site, shape: Shape, verb: Verb) -> Codec:
    certain = _named_yes(site) or site.bool_keys or shape.asks_approval or not verb.yes
    if site.root.kept and not certain:
        raise Unclear("the answer is tested for truth and also kept: it may be a yes or no, or a text")
    if not verb.yes:
        raise Unclear("the answer has a name that means no, so what a yes to the question means is not certain")
    return Codec("boolean", {Reply.APPROVE: verb.yes, Reply.REJECT: verb.no}, origin="inferred")


def _word(site: Site, verb: Verb) -> Codec:
    use, replies = site.root, dict[Reply, Json]()
    speaks = use.spoken and not verb.checked
    if verb.yes is not None:
        replies[Reply.APPROVE] = verb.yes
    if verb.no is not None:
        replies[Reply.REJECT] = {**MESSAGE, "default": verb.no} if speaks and not verb.no_said else verb.no
    if not replies:
        compared = ", ".join(map(repr, verb.words))
        raise Unclear(f"the answer is only compared with {compared}, which is neither a yes nor a no")
    if speaks:
        replies[Reply.ANSWER] = dict(VALUE)
    return Codec("words", replies, "inferred", reserved=_reserved(verb), answer_schema={"type": "string"})


def _reserved(verb: Verb) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*verb.words, *(str(w) for w in (verb.yes, verb.no) if w is not None))))


def _option(site: Site, shape: Shape) -> Codec:
    if any(isinstance(option.value, dict) for option in shape.options):
        raise Unclear("the options are records, and nothing shows whether a record or its id is expected back")
    listed = {option.value for option in shape.options if not isinstance(option.value, dict | list)}
    compared = {c for test in site.root.tests for c in test.constants}
    if not site.root.does(What.TEXT) and compared - listed:
        raise Unclear(f"the answer is compared with {sorted(map(repr, compared - listed))}, which is not an option")
    return Codec("option", {Reply.CHOOSE: dict(CHOSEN), **_yes_and_no_listed(site, listed)}, "inferred")


def _yes_and_no_listed(site: Site, listed: set[Any]) -> dict[Reply, Json]:
    """Where the options are a yes and a no that the code compares with, they can be said as such."""
    if not site.root.tests or site.root.opaque:
        return {}
    try:
        verb = verb_of(site.root, site.names, called="the answer")
    except Unclear:  # the option itself says what is meant
        return {}
    said: dict[Reply, Json] = {Reply.APPROVE: verb.yes, Reply.REJECT: verb.no}
    return said if {verb.yes, verb.no} <= listed else {}


def _untested(site: Site, shape: Shape) -> Codec:
    use = site.root
    if use.does(What.INTEGER):
        raise Unclear("the answer is used as a number, and nothing shows which numbers it takes")
    if _named_yes(site) and not use.does(What.TEXT):
        return Codec("boolean", {Reply.APPROVE: True, Reply.REJECT: False}, "inferred")
    replies: dict[Reply, Json] = {Reply.ANSWER: dict(VALUE)}
    schema: dict[str, Json] | None = {"type": "string"} if use.does(What.TEXT) or shape.body else None
    if shape.body is not None and _is_the_new_text(site):
        replies |= {Reply.ACCEPT: argument(shape.body), Reply.EDIT: argument(shape.body)}
        return Codec("text", replies, "inferred", editable=(shape.body,), answer_schema=schema)
    if shape.asks_approval:
        raise Unclear("something is to be approved, and the code only keeps the answer")
    return Codec("answer", replies, "inferred", answer_schema=schema)


def _is_the_new_text(site: Site) -> bool:
    """Whether the answer replaces the text that was shown: by its name, or because it goes where that came from."""
    return any(speaks_of_editing(name) for name in site.names | _stored(site)) or bool(site.came_from & _stored(site))
