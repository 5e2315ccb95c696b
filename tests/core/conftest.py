"""How the core's tests run: hypothesis without a stopwatch, because other work shares this machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None, print_blob=True)
settings.load_profile("unhurried")
