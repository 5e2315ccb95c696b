"""Which packages are needed, in which versions, compared with those that are installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from itertools import takewhile

from .errors import AdapterNotInstalled, AdapterTooOld


def numbers(text: str) -> tuple[int, ...]:
    """`1.2.20` → (1, 2, 20), to be compared. What is no number ends it, so that `1.2.20rc1` comes before `1.2.20`."""
    return tuple(int(part) for part in takewhile(str.isdecimal, text.split(".")))


def require_at_least(oldest: Mapping[str, str], *, extra: str) -> None:
    """Refuse packages that are older than `oldest` has them; `extra` is the adapter's name.

    Raises AdapterTooOld, naming for each of them what was found and what is needed; PackageNotFoundError for one that
    is not installed.
    """
    found = {package: version(package) for package in oldest}
    old = [package for package, needed in oldest.items() if numbers(found[package]) < numbers(needed)]
    if old:
        named = " and ".join(f"{package} {found[package]} (needed: {oldest[package]} or newer)" for package in old)
        raise AdapterTooOld(f"found {named}: pip install --upgrade 'hitl-core[{extra}]'")


@contextmanager
def installed(what: str, *, extra: str) -> Iterator[None]:
    """Around the import of what an `extra` installs.

    Raises AdapterNotInstalled for a package that is missing, saying that `what` needs it. That a module of ours is
    missing is no such thing, and stays as it is.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").split(".")[0] in ("", "hitl_core"):
            raise
        missing = f"{what} needs the package {exc.name!r}, which is not installed"
        raise AdapterNotInstalled(f"{missing}: pip install 'hitl-core[{extra}]'") from exc
