"""Debian's Chromium: where it is, and how it is started so that it asks nobody but us for anything."""

from __future__ import annotations

import os
import shutil
from typing import Final

FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # where root starts it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def path() -> str:
    """What starts it: what the lane has found or fetched, else the one on PATH. AssertionError if there is none."""
    found = os.environ.get("HITL_CHROMIUM") or shutil.which("chromium")
    assert found, "no Chromium: the lane `browser` fetches one, or put it on PATH"
    return found
