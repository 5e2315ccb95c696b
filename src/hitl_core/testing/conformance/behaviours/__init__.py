"""What is tried: one file per group of promises."""

from . import answers, decide, honesty, override, record, restart, several, time

__all__ = ["answers", "decide", "honesty", "override", "record", "restart", "several", "time"]
