"""AutoGen's errors in our words, and the one version whose inside this adapter knows."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from hitl_core.errors import AdapterError, AdapterTooOld, HitlError

SUPPORTED: Final = "0.7.5"
PACKAGES: Final = ("autogen-core", "autogen-agentchat", "autogen-ext")
REINSTALL: Final = f"pip install {' '.join(f'{package}=={SUPPORTED}' for package in PACKAGES)}"


class AutoGenDiffers(AdapterError):
    """This AutoGen has the supported version and yet does not stop and start as that version does."""


class GivenUp(AdapterError):
    """A person was asked whether an agent's lost turn may run again, and ended the run."""


def require_versions() -> None:
    """Raises AdapterTooOld unless every package of AutoGen has the supported version.

    A drained pause needs two places inside a team that are no public interface, so a version is supported or it is
    not; a newer one is refused as well.
    """
    found = {package: version(package) for package in PACKAGES}
    other = [f"{package} {number}" for package, number in found.items() if number != SUPPORTED]
    if other:
        raise AdapterTooOld(f"found {' and '.join(other)}; needed is exactly {SUPPORTED}: {REINSTALL}")


def in_words(error: BaseException) -> str:
    """What to tell people about an error that came out of a team: its first line, without the inner traceback."""
    text = str(error).partition("\nTraceback:")[0].strip()
    if isinstance(error, HitlError):
        return f"{error.code} {text}"
    return text if text.startswith(_named(error)) or _is_wrapped(error, text) else f"{_named(error)}: {text}"


def _named(error: BaseException) -> str:
    return type(error).__name__


def _is_wrapped(error: BaseException, text: str) -> bool:
    """Whether this is a team's RuntimeError around the text `ValueError: …` of the error that really was."""
    first = text.partition(":")[0]
    return isinstance(error, RuntimeError) and first.isidentifier() and first.endswith(("Error", "Exception"))
