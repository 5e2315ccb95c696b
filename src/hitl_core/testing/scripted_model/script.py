"""The records a script is made of: what the model answers, and to which request."""

import json
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from .template import unknown_names

MAIN = "main"


class ScriptPart(BaseModel):
    """Frozen; an unknown field is refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(ScriptPart):
    """One tool call. ``arguments``: a JSON object, or text sent as it stands (malformed JSON, say)."""

    name: str = Field(min_length=1)
    arguments: dict[str, JsonValue] | str = {}


class Refuse(ScriptPart):
    """Answer with an HTTP error instead.

    ``retry_after``: seconds, sent as ``Retry-After`` and ``retry-after-ms``. ``times``: how many
    identical requests meet the error before the step's answer comes; ``None``: all of them.
    """

    status: int = Field(ge=400, le=599)
    retry_after: float | None = Field(default=None, ge=0)
    times: int | None = Field(default=None, ge=1)


class Drop(ScriptPart):
    """Cut the connection in the middle of the answer.

    ``drop_after``: how many stream chunks are sent first (without ``stream``: half the body is).
    ``times``: as in `Refuse`.
    """

    drop_after: int = Field(ge=0)
    times: int | None = Field(default=None, ge=1)


class Step(ScriptPart):
    """One answer: text, tool calls (several are parallel calls) or both.

    Texts may hold ``{{input}}`` (the last user text) and ``{{tool_result}}`` (the last tool message).
    ``delay_ms``: milliseconds before the answer, or before the fault. ``fault``: what goes wrong.
    """

    say: str | None = None
    call: tuple[Call, ...] = ()
    delay_ms: int = Field(default=0, ge=0)
    fault: Refuse | Drop | None = None

    @model_validator(mode="after")
    def _answers_something(self) -> Self:
        silent = self.say is None and not self.call
        if silent and not (isinstance(self.fault, Refuse) and self.fault.times is None):
            raise ValueError("a step needs `say`, `call`, or a `fault` with a `status` and no `times`")
        return self

    @model_validator(mode="after")
    def _template_names_known(self) -> Self:
        unknown = unknown_names([self.say, *(call.arguments for call in self.call)])
        if unknown:
            raise ValueError(f"unknown template names {unknown!r}; there are 'input' and 'tool_result'")
        return self


class When(ScriptPart):
    """What a request must look like; fields left out match anything, the others must all match.

    ``user``, ``system``: found in the last user text, in the system or developer prompt.
    ``tool``, ``tool_result``: the name of a tool, and text found in its result, among the results
    that came since the model last spoke. ``model``: the whole model name. ``turn``: how many
    assistant messages the request holds.
    """

    user: str | None = None
    system: str | None = None
    tool: str | None = None
    tool_result: str | None = None
    model: str | None = None
    turn: int | None = Field(default=None, ge=0)


class Rule(Step):
    """A step that answers whenever ``when`` matches, at any turn."""

    when: When


class Conversation(ScriptPart):
    """The part of a script for one agent, told apart by its system prompt or model name.

    The first rule that matches answers; else the step whose index is the number of assistant
    messages in the request.
    """

    name: str = Field(min_length=1)
    system: str | None = None
    model: str | None = None
    rules: tuple[Rule, ...] = ()
    steps: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.rules or self.steps):
            raise ValueError(f"conversation {self.name!r} has neither rules nor steps")
        return self


class Script(ScriptPart):
    """All a scripted model knows.

    The first of ``conversations`` whose ``system`` and ``model`` fit takes the request; one that fits
    none goes to the script's own ``rules`` and ``steps``. ``call_ids``: "unique" ids are a digest of
    the request and the place of the call; "repeat" gives ``call_0``, ``call_1`` … at every turn again,
    as some local models do.
    """

    conversations: tuple[Conversation, ...] = ()
    rules: tuple[Rule, ...] = ()
    steps: tuple[Step, ...] = ()
    call_ids: Literal["unique", "repeat"] = "unique"

    @classmethod
    def of(cls, *entries: Step, call_ids: Literal["unique", "repeat"] = "unique") -> Self:
        """The script of one conversation, from its steps and rules in order."""
        rules = tuple(entry for entry in entries if isinstance(entry, Rule))
        steps = tuple(entry for entry in entries if not isinstance(entry, Rule))
        return cls(rules=rules, steps=steps, call_ids=call_ids)

    @property
    def parts(self) -> tuple[Conversation, ...]:
        """The conversations in the order they are tried; the script's own rules and steps come last."""
        if not (self.rules or self.steps):
            return self.conversations
        return (*self.conversations, Conversation(name=MAIN, rules=self.rules, steps=self.steps))

    @property
    def model_names(self) -> tuple[str, ...]:
        """The model names the script speaks of, for ``GET /v1/models``; ``scripted`` if there are none."""
        named = [part.model for part in self.parts]
        named += [rule.when.model for part in self.parts for rule in part.rules]
        return tuple(dict.fromkeys(name for name in named if name)) or ("scripted",)

    @model_validator(mode="after")
    def _conversations_told_apart(self) -> Self:
        names = [part.name for part in self.parts]
        if not names:
            raise ValueError("the script is empty: it needs steps, rules or conversations")
        if len(set(names)) < len(names):
            raise ValueError(f"conversation names repeat ({MAIN!r} is the script's own): {names!r}")
        return self


def load_script(path: Path) -> Script:
    """Read a script from a ``.json`` or ``.toml`` file.

    Raises `ValueError` for another suffix or a malformed file, with pydantic's list of all faults.
    """
    text = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".json":
            return Script.model_validate(json.loads(text))
        case ".toml":
            return Script.model_validate(tomllib.loads(text))
        case suffix:
            raise ValueError(f"a script is a .json or a .toml file, not {suffix!r}: {path}")
