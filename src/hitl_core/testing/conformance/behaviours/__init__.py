"""What is tried: one file per group of promises."""

from . import decide

__all__ = ["decide"]
