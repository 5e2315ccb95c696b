"""Our hold on CrewAI: a function of its is wrapped once per process, and only does more inside a run of ours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

_MARK: Final = "__hitl_seam__"


def seam(owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
    """Let `wrapper(original, *args, **kwargs)` stand in for `owner.name`. A second time does nothing."""
    found = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
    original = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    if hasattr(original, _MARK):
        return

    @functools.wraps(original)
    def held(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    setattr(held, _MARK, True)
    setattr(owner, name, held if original is found else type(found)(held))
