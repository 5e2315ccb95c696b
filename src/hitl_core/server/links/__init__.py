"""Links of messages: `/l/SECRET` shows what a message was about, and lets its person decide it once.

standing  how a link stands now: whether its person can decide with it, and what to say if not
router    GET shows that and changes nothing; POST ─► answering.answer_from ─► hitl.respond, and the link is used up

Links that sign somebody in are others: auth/login_links.py.
"""

from __future__ import annotations

from .router import links

__all__ = ["links"]
