"""The veil: secret arguments are masked before anything is weighed, stored or shown, and whole only in the tool.

The whole values are in no record of ours. They come with the framework's own call each time it is proposed, and are
held here for one turn; a decision reaches them by the mask, which binds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from ..audit import Custody
from ..audit.chain import derive
from ..errors import EffectRefused, Fault, NotCanonical
from ..protocol import (
    Action,
    Arguments,
    Context,
    Failed,
    Json,
    LiveEvent,
    LiveKind,
    Outcome,
    PauseRequest,
    Proceed,
    Refuse,
    Reply,
    Verdict,
    mask,
    mask_paths,
    masked,
    secret_paths,
)
from ..protocol.masks import SecretPath
from ..tools import Catalogue
from .forms import OFFERED, Form, Since
from .log_mask import LOG_MASK

HIDDEN: Final = "[secret]"
"""For what is left out of a live event, where no answer depends on it."""

_OF_THE_APP: Final = (LiveKind.STATE, LiveKind.CUSTOM)
"""Events whose data are of any shape that an app likes."""

_LONG_ENOUGH: Final = 6
"""Characters from which on a secret is looked for inside words too."""

_CHANGED: Final = (
    "This call was refused: a secret argument of it was changed by an edit or by the app, and nothing ran. "
    "The value that was shown masked has to stay as it is."
)


class Veil:
    """Masks for the actions of one turn of one run."""

    def __init__(self, custody: object, run: str, catalogue: Catalogue) -> None:
        self._custody, self._run, self._catalogue = custody, run, catalogue
        self._paths: dict[str, tuple[SecretPath, ...]] = {}
        self._held: dict[str, dict[SecretPath, Json]] = {}
        self._texts: dict[str, re.Pattern[str]] = {}

    # ── before the gate ──────────────────────────────────────────────────────────────────────────────────────

    def over(self, action: Action, call: str, form: Form) -> tuple[Action, Form]:
        """The action with masks for its secrets, and a form that says none of them. Raises NotCanonical."""
        named = self._catalogue.secrets(action.tool)
        paths = self._paths[call] = (
            named if form.arguments_schema is None else named + secret_paths(form.arguments_schema)
        )
        if not paths:
            return action, form
        shown, held = self._masked(action, paths)
        self._held[call] = held
        self._learn(held.values())
        return shown, self._said(form)

    def lifted_over(self, action: Action, call: str, form: Form) -> tuple[Action, Form]:
        """The same for a pause of the app's own: what answers it is no call of ours, so masks could not be made whole
        in an edit, and none is offered."""
        shown, said = self.over(action, call, form)
        if shown is action:
            return action, form
        offered = OFFERED[form.kind] if form.allowed is None else form.allowed
        return shown, replace(said, allowed=tuple(reply for reply in offered if reply is not Reply.EDIT))

    def _said(self, form: Form) -> Form:
        context = Context.model_validate(self.clean(form.context.model_dump(mode="json")))
        return replace(form, title=self.text(form.title), context=context, since=self._said_since(form.since))

    def _said_since(self, since: Since | None) -> Since | None:
        """The same of what was said before: without the secrets that this turn has met by the time that it is asked."""

        def said(earlier: PauseRequest) -> str | None:
            found = None if since is None else since(earlier)
            return None if found is None else self.text(found)

        return None if since is None else said

    # ── behind it ────────────────────────────────────────────────────────────────────────────────────────────

    def lifted(self, verdict: Verdict, call: str) -> Verdict:
        """The verdict for the framework: what proceeds is whole again, or is refused."""
        held = self._held.get(call)
        if not held or not isinstance(verdict, Proceed):
            return verdict
        try:
            return replace(verdict, action=verdict.action.edited(self._whole(verdict.action, held)))
        except EffectRefused as exc:
            return Refuse(str(exc))

    def drawn(self, allowed: Proceed) -> Proceed:
        """What the store is told to begin: the same action, masked as it was decided on."""
        paths = self._paths.get(allowed.call)
        paths = self._catalogue.secrets(allowed.action.tool) if paths is None else paths
        return replace(allowed, action=self._masked(allowed.action, paths)[0]) if paths else allowed

    def _masked(self, action: Action, paths: tuple[SecretPath, ...]) -> tuple[Action, dict[SecretPath, Json]]:
        make = partial(mask, self._key(), self._run, action.tool)
        shown, held = masked(action.arguments, paths, make)
        return (action.edited(cast("Arguments", shown)) if held else action), held

    def _whole(self, action: Action, held: dict[SecretPath, Json]) -> Arguments:
        """The arguments with what their masks stand for. Raises EffectRefused if one is not where it was."""
        make = partial(mask, self._key(), self._run, action.tool)
        shown = dict(mask_paths(action.arguments))
        if any(shown.get(path) != make(path, value) for path, value in held.items()):
            raise EffectRefused(_CHANGED)
        return cast("Arguments", masked(action.arguments, held, lambda path, _: cast("str", held[path]))[0])

    def _key(self) -> bytes:
        """Derived from the audit key, which lies outside the database. Raises NotCanonical if the store has none."""
        if not isinstance(self._custody, Custody):
            problem = "is secret, and this store has no key to mask it with; use one that keeps a sealed trail"
            raise NotCanonical([Fault("arguments", problem)])
        return derive(self._custody.secret, "masks", self._custody.origin)

    # ── what is said besides ─────────────────────────────────────────────────────────────────────────────────

    @property
    def hides(self) -> bool:
        """Whether this turn has met a secret."""
        return bool(self._texts)

    def text(self, text: str) -> str:
        """A text without the secrets that this turn has met."""
        for found in self._texts.values():
            text = found.sub(HIDDEN, text)
        return text

    def clean(self, value: Any) -> Any:
        """The same for all the texts in a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.clean(each) for key, each in value.items()}
        return [self.clean(each) for each in value] if isinstance(value, list) else self._number(value)

    def _number(self, value: Any) -> Any:
        return HIDDEN if type(value) in (int, float) and str(value) in self._texts else value

    def outcome(self, outcome: Outcome) -> Outcome:
        """What is recorded of an action: an error may quote an argument."""
        return Failed(self.text(outcome.error)) if isinstance(outcome, Failed) else outcome

    def quiet(self, effect: Callable[[Any, Arguments], Json], arguments: Arguments) -> Callable[[Any], Json]:
        """An effect in the store with its arguments; its error, which the store writes down, quotes no secret."""

        def carried_out(transaction: Any) -> Json:
            try:
                return effect(transaction, arguments)
            except Exception as exc:
                said = f"{type(exc).__name__}: {exc}"
                if self.text(said) == said:
                    raise
                raise RuntimeError(self.text(said)) from None

        return carried_out

    def event(self, event: LiveEvent) -> LiveEvent:
        """A live event that shows no secret; the arguments of a call that comes in pieces are left out."""
        if not self._catalogue.any_secret and not self.hides:
            return event
        data = self.clean(self._shown(event))
        return event.model_copy(update={"text": self.text(event.text), "data": data})

    def _shown(self, event: LiveEvent) -> Json:
        """What an app keeps as its state, or tells in a form of its own, has the secrets of its tools at their places
        from the start: in a turn that goes on they were met in an earlier one."""
        data = event.data
        if event.kind in _OF_THE_APP:
            data = masked(data, self._catalogue.of_any_tool(), _left_out)[0]
        return data if event.kind is LiveKind.STATE else self._called(data, event.text)

    def _called(self, data: Json, tool: str) -> Json:
        if not isinstance(data, dict):
            return data
        name = data.get("name", data.get("tool"))
        if name is None and not {"args", "arguments"} & data.keys():
            return masked(data, self._catalogue.secrets(tool), _left_out)[0]
        paths = self._catalogue.secrets(name) if isinstance(name, str) else ((),)
        return {key: _arguments(each, paths) if key in ("args", "arguments") else each for key, each in data.items()}

    def _learn(self, values: Iterable[Json]) -> None:
        known = self._texts.keys() | {text for value in values for text in _texts(value)}
        # The longest first: a secret that is a part of another one must not leave the rest of that standing.
        self._texts = {text: _anywhere(text) for text in sorted(known, key=len, reverse=True)}
        if self.hides:
            LOG_MASK.heed(self)


def _anywhere(text: str) -> re.Pattern[str]:
    """Where a secret stands in a text; a short one only as a word of its own."""
    inside = re.escape(text)
    return re.compile(inside if len(text) >= _LONG_ENOUGH else rf"(?<!\w){inside}(?!\w)")


def _arguments(value: Json, paths: tuple[SecretPath, ...]) -> Json:
    """Arguments as an object, or as text in pieces: that is left out if anything in it is secret."""
    if isinstance(value, str):
        return HIDDEN if paths and value else value
    return masked(value, paths, _left_out)[0]


def _left_out(path: SecretPath, value: Json) -> str:
    return HIDDEN


def _texts(value: Json) -> Iterable[str]:
    """What a secret looks like in a text; words that say nothing are none."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    elif value is not None and not isinstance(value, bool) and str(value).strip():
        yield str(value)
