"""`interrupt(…, response_schema=…)`: the answer is any value that fits the schema.

Where the schema itself has a plain yes and no (a boolean with a title like `approved`, or one property that is boolean
or an enum of such words), approve and reject are offered as well; both must fit the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hitl_core.protocol import Json, Reply

from .codecs import Codec
from .holes import CHOSEN, MESSAGE, VALUE
from .pause import NativePause
from .schemas import dereferenced, fits
from .vocabulary import Meaning, gives_reason, meaning, stands_for


def codec_for_form(pause: NativePause) -> Codec:
    """The codec of an interrupt with a response schema."""
    schema = pause.response_schema or {}
    top = dereferenced(schema, schema)
    options = top.get("enum")
    replies: dict[Reply, Json] = {Reply.ANSWER: dict(VALUE), **_yes_and_no(top, schema)}
    listed: tuple[Json, ...] = ()
    if isinstance(options, list) and all(isinstance(item, str) and item for item in options):
        replies[Reply.CHOOSE], listed = dict(CHOSEN), tuple(options)
    return Codec("form", replies, "schema", answer_schema=schema, options=listed, editable=())


def _yes_and_no(top: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[Reply, Json]:
    if top.get("type") == "boolean":
        return {Reply.APPROVE: True, Reply.REJECT: False} if stands_for(str(top.get("title", ""))) else {}
    properties = {name: dereferenced(part, whole) for name, part in (top.get("properties") or {}).items()}
    deciding = {name: pair for name, part in properties.items() if (pair := _pair(name, part)) is not None}
    if len(deciding) != 1:
        return {}
    name, (yes, no) = next(iter(deciding.items()))
    told = {key: "" for key in properties if key != name and gives_reason(key)}
    return _fitting({name: yes}, {name: no}, told, whole)


def _pair(name: str, part: Mapping[str, Any]) -> tuple[Json, Json] | None:
    if part.get("type") == "boolean":
        truth = stands_for(name)
        return None if truth is None else (truth, not truth)
    words = [word for word in part.get("enum") or () if isinstance(word, str)]
    yes = next((word for word in words if meaning(word) is Meaning.YES), None)
    no = next((word for word in words if meaning(word) is Meaning.NO), None)
    return None if yes is None or no is None else (yes, no)


def _fitting(
    yes: dict[str, Json], no: dict[str, Json], told: dict[str, str], schema: Mapping[str, Any]
) -> dict[Reply, Json]:
    """Approve and reject, with a reason where the schema has a place for one; nothing if they do not fit."""
    approvals = [a for a in (yes, {**yes, **told}) if fits(a, schema)]
    reasons = [key for key in told if fits({**no, key: "why"}, schema)]
    if not approvals:
        return {}
    if reasons:
        return {Reply.APPROVE: approvals[0], Reply.REJECT: {**no, reasons[0]: dict(MESSAGE)}}
    return {Reply.APPROVE: approvals[0], Reply.REJECT: no} if fits(no, schema) else {}
