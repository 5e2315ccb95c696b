"""`[tools.NAME] undo = "module:function"`: the undo of a tool of an unchanged app, loaded when it is first needed."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..apps import AppSource
from ..errors import ConfigError, Fault


@dataclass(frozen=True, slots=True)
class ConfiguredUndo:
    """A function that stands for the one of `reference`. Raises ConfigError when it is used and cannot be loaded."""

    where: str
    reference: str
    folder: Path

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._loaded()(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._loaded())

    def _loaded(self) -> Any:
        try:
            found = AppSource(self.reference, folder=self.folder).load()
        except ConfigError as exc:
            raise ConfigError([Fault(self.where, each.problem) for each in exc.faults]) from exc
        if not callable(found):
            raise ConfigError([Fault(self.where, f"{self.reference!r} is not a function")])
        return found
