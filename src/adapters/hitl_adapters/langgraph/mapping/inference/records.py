"""The answer as a record: `answer["action"]`, `answer.get("feedback")`."""

from __future__ import annotations

from dataclasses import dataclass

from hitl_core.protocol import Json, Reply

from ..codecs import ARGUMENTS, MESSAGE, VALUE, Codec, argument
from ..shapes import Shape
from ..vocabulary import carries_edit, gives_reason, sends_back, speaks_of_editing, stands_for
from .events import TESTS, TOGETHER, Site, Use, What
from .verdicts import Unclear, Verb, verb_of


@dataclass(frozen=True, slots=True)
class Record:
    """The parts of an answer, sorted by what they are for."""

    site: Site
    shape: Shape
    verbs: dict[str, Verb]
    rest: tuple[str, ...]

    def use(self, key: str) -> Use:
        return self.site.uses.get((key,), Use(()))

    def needed(self, key: str) -> bool:
        return self.use(key).does(What.REQUIRED)

    @property
    def word(self) -> tuple[str, Verb] | None:
        """The one part that is compared with words."""
        return next(((key, verb) for key, verb in self.verbs.items() if not verb.boolean), None)

    def is_argument(self, key: str) -> bool:
        return key in self.shape.arguments and self.shape.body != key

    def is_reason(self, key: str) -> bool:
        return not self.is_argument(key) and gives_reason(key)

    def is_edit(self, key: str) -> bool:
        if self.is_argument(key) or not carries_edit(key):
            return False
        says_edit = self.word is not None and self.word[1].edit is not None
        return says_edit or speaks_of_editing(key) or not gives_reason(key)


def infer_record(site: Site, shape: Shape) -> Codec:
    """The codec of a site that reads parts of its answer. Raises Unclear."""
    record = _sort(site, shape)
    if not record.verbs:
        raise Unclear(f"the code reads {_listed(site)}, and nothing in that is a yes or a no")
    replies = _replies(record)
    if Reply.APPROVE not in replies or Reply.REJECT not in replies:
        raise Unclear(f"the code reads {_listed(site)}, and not both a yes and a no follow from that")
    if Reply.REVISE not in replies and Reply.EDIT in replies and shape.body:
        replies[Reply.ACCEPT] = replies[Reply.APPROVE]
    return Codec("record", replies, "inferred", editable=_editable(record), answer_schema={"type": "string"})


def _listed(site: Site) -> str:
    return ", ".join(sorted(repr(key) for key in site.keys))


def _sort(site: Site, shape: Shape) -> Record:
    passed = [reason for use in (site.root, *(site.uses[p] for p in site.uses if len(p) > 1)) for reason in use.opaque]
    if passed:
        raise Unclear(f"the answer is {', '.join(passed)}, which cannot be followed")
    if site.root.tests:
        raise Unclear("the answer is tested as a whole and read in parts: both shapes are possible")
    if site.root.does(What.TEXT) or site.root.does(What.INTEGER):
        raise Unclear("the answer is used as one value and read in parts")
    if any(isinstance(key, int) for key in site.keys):
        raise Unclear("the answer is read by position")
    keys, verbs = [str(key) for key in site.keys], dict[str, Verb]()
    for key in keys:
        verb = _verb(site, shape, key)
        if verb is not None:
            verbs[key] = verb
    if sum(not verb.boolean for verb in verbs.values()) > 1 or len({verb.boolean for verb in verbs.values()}) > 1:
        raise Unclear(f"several parts of the answer decide: {', '.join(map(repr, verbs))}")
    return Record(site, shape, verbs, tuple(key for key in keys if key not in verbs))


def _verb(site: Site, shape: Shape, key: str) -> Verb | None:
    """What the tests on this part decide; None for a part that only carries something."""
    use = site.uses.get((key,), Use(()))
    called = f"answer[{key!r}]"
    truth_only = all(test.what is What.TRUTH for test in use.tests)
    if truth_only and stands_for(key) is None:
        carries = gives_reason(key) or carries_edit(key) or key in shape.arguments
        if use.opaque and not carries:
            raise Unclear(f"{called} is {', '.join(use.opaque)}, which cannot be followed")
        if any(test.detail == TOGETHER for test in use.tests):
            raise Unclear(f"the truth of {called} is tested {TOGETHER}")
        if use.tests and not carries:
            raise Unclear(f"only the truth of {called} is tested, and its name does not say what a yes is")
        return None
    if site.below(key):
        raise Unclear(f"{called} is tested and read in parts")
    verb = verb_of(use, {key}, called=called)
    if verb.yes is None and verb.no is None:
        raise Unclear(f"{called} is compared with {', '.join(map(repr, verb.words))}, none of them a yes or a no")
    return verb


# ── replies ──────────────────────────────────────────────────────────────────────────────────────────────────


def _replies(record: Record) -> dict[Reply, Json]:
    replies: dict[Reply, Json] = {}
    reasons = [key for key in record.rest if record.is_reason(key)]
    if all(verb.yes is not None for verb in record.verbs.values()):
        replies[Reply.APPROVE] = _build(record, {key: verb.yes for key, verb in record.verbs.items()}, {})
        edited = _edit(record)
        if edited is not None:
            replies[Reply.EDIT] = edited
    refusal = _refusal(record, reasons)
    if refusal is not None:
        replies[Reply.REJECT] = refusal
        if reasons and record.shape.body is not None:
            replies[Reply.ACCEPT], replies[Reply.REVISE] = replies.get(Reply.APPROVE), refusal
    if record.word and record.word[1].feedback and reasons:
        key, verb = record.word
        replies[Reply.ANSWER] = _build(record, {key: verb.feedback}, {reasons[0]: dict(VALUE)})
    return replies


def _refusal(record: Record, reasons: list[str]) -> Json:
    unsure = [key for key in reasons if carries_edit(key) and record.use(key).does(What.TRUTH)]
    if unsure:
        raise Unclear(f"answer[{unsure[0]!r}] may be a reason or a new value, and its truth is tested")
    told: dict[str, Json] = {key: dict(MESSAGE) if _asked_after(record, key) else "" for key in reasons}
    word = record.word
    if word and not word[1].no_said and word[1].feedback and sends_back(word[1].feedback) and reasons:
        return _build(record, {word[0]: word[1].feedback}, told)  # the code's own way to send it back, with the reason
    if any(verb.no is None for verb in record.verbs.values()):
        return None
    return _build(record, {key: verb.no for key, verb in record.verbs.items()}, told)


def _asked_after(record: Record, reason: str) -> bool:
    """Whether the truth of a reason is only asked for once it was decided. Where it comes first it could decide."""
    events = record.site.events
    asked = [i for i, e in enumerate(events) if e.ref.path == (reason,) and e.what is What.TRUTH]
    decided = [i for i, e in enumerate(events) if e.ref.path[:1] and e.ref.path[0] in record.verbs and e.what in TESTS]
    return not asked or (bool(decided) and min(decided) < min(asked))


def _edit(record: Record) -> Json:
    """The reply that changes what was shown, if the code has a place for it."""
    places = [key for key in record.rest if record.is_argument(key) or record.is_edit(key)]
    filled: dict[str, Json] = {key: value for key in places if (value := _edited_value(record, key)) is not None}
    if not filled:
        return None
    heads: dict[str, Json] = {key: verb.yes for key, verb in record.verbs.items()}
    if record.word and record.word[1].edit:
        heads[record.word[0]] = record.word[1].edit
    return _build(record, heads, filled)


def _edited_value(record: Record, key: str) -> Json:
    if record.is_argument(key):
        return argument(key)
    inner = record.site.below(key)
    if inner:
        return _edited_call(record, inner)
    if record.shape.call:
        return dict(ARGUMENTS)
    return argument(record.shape.body) if record.shape.body is not None else None


def _edited_call(record: Record, inner: tuple[str | int, ...]) -> Json:
    """`answer["args"]["args"]`, `answer["edited_action"]["name"]`: a whole call, whose tool stays the one shown."""
    known: dict[str, Json] = {name: dict(ARGUMENTS) for name in ("args", "arguments")}
    known |= dict.fromkeys(("name", "action", "tool"), record.shape.tool)
    if not record.shape.call or not set(inner) <= set(known) or not {"args", "arguments"} & set(inner):
        return None
    return {str(name): known[str(name)] for name in inner}


def _editable(record: Record) -> tuple[str, ...] | None:
    named = tuple(key for key in record.rest if record.is_argument(key))
    if any(record.is_edit(key) for key in record.rest):
        return None if record.shape.call else (record.shape.body,) if record.shape.body else named
    return named


def _build(record: Record, heads: dict[str, Json], filled: dict[str, Json]) -> Json:
    """The record with its deciding parts, what is filled in, and what was shown for all else that is needed."""
    parts = {**heads, **filled}
    for key in record.rest:
        if key not in parts and record.needed(key):
            parts[key] = _unchanged(record, key)
    return dict(parts)


def _unchanged(record: Record, key: str) -> Json:
    if record.use(key).does(What.TRUTH) and not record.is_reason(key):
        return None  # `if answer["new_args"]:` — nothing new, so nothing that such a test takes for a yes
    if record.is_edit(key):
        value = _edited_value(record, key)
        if value is not None:
            return value
    if record.is_argument(key) or key == record.shape.body:
        return argument(key)
    if record.is_reason(key):
        return ""
    raise Unclear(f"answer[{key!r}] is needed, and nothing shows what belongs there")
