"""Where an app comes from: `module:name` in hitl.toml, or an object in code."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError, Fault
from .spec import AgentSpec


@dataclass(frozen=True, slots=True)
class AppSource:
    """An app in its framework's own idiom, or an AgentSpec. `reference` identifies it in the store.

    `store` is that store's URL, if it is known: where whoever keeps a state of their own may keep it beside.
    """

    reference: str
    target: Any = field(default=None, compare=False)
    folder: Path | None = None
    store: str = field(default="", compare=False, repr=False)

    @classmethod
    def of(cls, app: Any) -> AppSource:
        """An app that is at hand as an object."""
        name = getattr(app, "__qualname__", None) or getattr(app, "name", None) or type(app).__name__
        return cls(f"{getattr(app, '__module__', type(app).__module__)}:{name}", app)

    def load(self) -> Any:
        """The object that `reference` names. Raises ConfigError if the module or the name is missing."""
        if self.target is not None:
            return self.target
        module_name, separator, name = self.reference.partition(":")
        if not separator or not name:
            raise ConfigError([Fault("backend.app", f"{self.reference!r} must read 'module:name'")])
        module = self._module(module_name)
        if not hasattr(module, name):
            raise ConfigError([Fault("backend.app", f"{module_name!r} has no {name!r}")])
        return getattr(module, name)

    def spec(self) -> AgentSpec | None:
        """The AgentSpec that this is, or None if it is an app in a framework's own idiom."""
        loaded = self.load()
        return loaded if isinstance(loaded, AgentSpec) else None

    def _module(self, name: str) -> Any:
        folder = None if self.folder is None else str(self.folder)
        if folder is not None and folder not in sys.path:
            sys.path.insert(0, folder)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as exc:
            if exc.name is None or not (name == exc.name or name.startswith(exc.name + ".")):
                raise
            raise ConfigError([Fault("backend.app", f"there is no module {name!r} in {folder or 'the path'}")]) from exc
