"""Commands that are shown to people: they work as they stand when they are pasted into the same shell."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .options import DEFAULT_CONFIG


@dataclass(frozen=True, slots=True)
class Hints:
    """Writes `hitl` command lines for one configuration."""

    config: Path = DEFAULT_CONFIG

    def __call__(self, *words: str) -> str:
        """The whole command; a word in capitals is left for the reader to fill in."""
        return " ".join((program(), *words, *self._which()))

    def _which(self) -> tuple[str, ...]:
        if self.config == DEFAULT_CONFIG or os.environ.get("HITL_CONFIG") == str(self.config):
            return ()
        return ("-c", shlex.quote(str(self.config)))


def program() -> str:
    """How this very program is called from here: `hitl` if the shell finds this one, else its path."""
    called = Path(sys.argv[0])
    if called.name != "hitl":
        return f"{shlex.quote(sys.executable)} -m hitl_core.cli"
    found = shutil.which("hitl")
    if found is not None and Path(found).resolve() == called.resolve():
        return "hitl"
    return shlex.quote(_from_here(called))


def _from_here(file: Path) -> str:
    """The shortest path that leads there: relative if it lies below this folder."""
    whole = file.absolute()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)
