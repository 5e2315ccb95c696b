"""Hooks: where other systems bring answers back, each signed by whoever sends it. No cookie counts here.

router ─► slack (buttons and modals) ─┬─► answering.answer_from ─► hitl.respond
       └► webhook (signed JSON)      ─┘
"""

from __future__ import annotations

from .router import hooks

__all__ = ["hooks"]
