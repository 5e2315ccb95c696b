"""Where a store lives: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` for memory, or a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ....errors import ConfigError, Fault

_SCHEME = "sqlite://"


@dataclass(frozen=True, slots=True)
class Location:
    """The database file; `path` is None for one in memory."""

    path: Path | None

    @classmethod
    def parse(cls, url: str | Path, *, folder: Path | None = None) -> Location:
        """Read a URL or a path; a relative one starts at `folder`, else at the working directory.

        Raises ConfigError for another scheme.
        """
        text = str(url)
        if "://" in text and not text.startswith(_SCHEME):
            raise ConfigError([Fault("store.url", f"is {text!r}; this store takes sqlite:///file.db or a path")])
        name = text.removeprefix(_SCHEME).removeprefix("/") if text.startswith(_SCHEME) else text
        if name in ("", ":memory:"):
            return cls(None)
        return cls((folder or Path.cwd()).joinpath(name).resolve())

    def beside(self, suffix: str) -> Path:
        """The file `<database><suffix>`. Only for a store in a file."""
        assert self.path is not None
        return self.path.with_name(self.path.name + suffix)

    def __str__(self) -> str:
        return "in memory" if self.path is None else repr(str(self.path))
