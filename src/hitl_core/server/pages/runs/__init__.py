"""Runs: the list of them, and of each its whole story with what people can do about it.

history   what the store knows of one run, a page of its trail at a time
timeline  the trail as steps that people read (pure)
windows   which calls can be taken back, and until when (pure)
picture   the path of a run as a drawing, and in words (pure)
acts      cancel, steer, undo, override, rewind, go on: what each does, and doing it
routes    the pages
"""

from __future__ import annotations

from .routes import runs

__all__ = ["runs"]
