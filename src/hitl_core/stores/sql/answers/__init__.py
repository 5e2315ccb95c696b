"""What people make of a request, and what time does: answers, votes, drafts, comments, and what comes due."""

from . import comments, decisions, deferring, drafts, timers

__all__ = ["comments", "decisions", "deferring", "drafts", "timers"]
