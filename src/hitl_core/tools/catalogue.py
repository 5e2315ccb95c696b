"""The tools that are known by name, and what hitl.toml says of them."""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import ConfigError, Fault
from ..protocol import UNDO, Arguments, EffectMode, Preview, secret_paths
from ..protocol.masks import SecretPath
from ..signatures import TRANSACTION
from .tool import Tool, Traits

Override = Mapping[str, Any]
"""Some of the fields of Traits: those that hitl.toml gives for a tool."""


def _traits_of_undo(tool: str, traits: Traits) -> Traits:
    """What is known about the undo of a tool. What it does is shown as what it is: an undo, or a compensation."""
    word = "Compensate" if traits.compensates else "Undo"
    stays = (f"This makes good for it and does not undo it: {traits.compensates}",) if traits.compensates else ()

    def shown(arguments: Arguments) -> Preview:
        return Preview(effect=f"{word} {tool}, whose result was: {arguments['receipt']}", warnings=stays)

    in_store = traits.undo is not None and TRANSACTION in inspect.signature(traits.undo).parameters
    mode = EffectMode.TRANSACTIONAL if in_store else EffectMode.LEDGER
    return Traits(mode, None, traits.risk, traits.tags, f"{word} {tool}", shown)


class Catalogue:
    """The tools that are known by name: from an AgentSpec, and from `[tools.*]` in hitl.toml for native ones.

    An override replaces what it gives and nothing else. Raises ConfigError where it contradicts a tool.
    """

    def __init__(
        self,
        tools: Sequence[Tool] = (),
        overrides: Mapping[str, Override] | None = None,
        redact: Sequence[str] = (),
    ) -> None:
        self._tools: MutableMapping[str, Tool] = {}
        self._overrides = dict(overrides or {})
        self._redact = tuple(redact)
        self._secrets: dict[str, tuple[SecretPath, ...]] = {}
        for each in tools:
            self.learn(each)

    @property
    def undoes(self) -> bool:
        """Whether hitl.toml says how a tool is undone, so that it needs no app."""
        return any("undo" in override for override in self._overrides.values())

    def tool(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def knows(self, name: str) -> bool:
        """Whether anything is known about a tool of that name."""
        return name in self._tools or name in self._overrides

    def traits(self, name: str) -> Traits:
        """What is known about a tool; an unknown tool is irreversible, of unknown risk, with a ledger.

        `undo:NAME` is the undo of a tool: of the same risk and with the same tags, and itself irreversible.
        """
        known = self._declared(name)
        override = self._overrides.get(name)
        return replace(known, **override) if override else known

    def secrets(self, name: str) -> tuple[SecretPath, ...]:
        """The places of secrets in the arguments of a tool: whatever is said of it adds some, and takes none away."""
        if name not in self._secrets:
            self._secrets[name] = self._marked(name)
        return self._secrets[name]

    @property
    def any_secret(self) -> bool:
        """Whether a tool that is known by name has secret arguments."""
        return bool(self._redact) or any(map(self.secrets, {*self._tools, *self._overrides}))

    def of_any_tool(self) -> tuple[SecretPath, ...]:
        """The places of secrets in the arguments of any tool that is known by name, and of those that are not."""
        tools = {*self._tools, *self._overrides}
        return tuple(dict.fromkeys(path for name in ("", *sorted(tools)) for path in self.secrets(name) if path))

    def _marked(self, name: str) -> tuple[SecretPath, ...]:
        declared = self._tools.get(name)
        own = () if declared is None else declared.traits.secret
        said = (*own, *self._overrides.get(name, {}).get("secret", ()), *self._redact)
        schema = () if declared is None else secret_paths(declared.schema)
        return tuple(dict.fromkeys((*(tuple(path.split(".")) for path in said), *schema)))

    def _declared(self, name: str) -> Traits:
        declared = self._tools.get(name)
        if declared is not None or not name.startswith(UNDO):
            return declared.traits if declared else Traits()
        return _traits_of_undo(name.removeprefix(UNDO), self.traits(name.removeprefix(UNDO)))

    def learn(self, tool: Tool) -> None:
        """Add a tool that an adapter found in an app. Raises ConfigError if another one has its name already."""
        mode = self._overrides.get(tool.name, {}).get("mode", tool.traits.mode)
        if mode != tool.traits.mode and EffectMode.TRANSACTIONAL in (mode, tool.traits.mode):
            problem = f"is {mode} here, but the tool is declared {tool.traits.mode}; take this line away"
            raise ConfigError([Fault(f"tools.{tool.name}.effect", problem)])
        known = self._tools.setdefault(tool.name, tool)
        self._secrets.pop(tool.name, None)
        differs = _difference(known, tool)
        if differs:
            problem = f"is the name of two different tools in this app: they differ in {differs}; rename one of them"
            raise ConfigError([Fault(tool.name, problem)])


class CatalogueOfRun(Catalogue):
    """What is known in one run: the tools of the app, and those that the run was started with."""

    def __init__(self, app: Catalogue, own: Sequence[Tool]) -> None:
        super().__init__((), app._overrides, app._redact)
        self._app, self._own = app, {tool.name: tool for tool in own}
        self._tools = ChainMap(self._own, app._tools)

    def learn(self, tool: Tool) -> None:
        """What is found in the app is known in every run of it. Raises ConfigError if this one has its name already."""
        if tool.name in self._own:
            problem = "is a tool of the app, and one that this run was started with; rename one of them"
            raise ConfigError([Fault(tool.name, problem)])
        self._app.learn(tool)
        self._secrets.pop(tool.name, None)


def _difference(one: Tool, other: Tool) -> str:
    """In what two tools of one name are not the same; the functions behind them may be made anew for every run."""
    if one.definition != other.definition:
        return "name, description or arguments"
    names = ("mode", "reversible", "risk", "tags", "title", "secret")
    return ", ".join(name for name in names if getattr(one.traits, name) != getattr(other.traits, name))
