"""Model Context Protocol: runs of an overseen app as tools, and what people are asked as elicitations.

    POST /mcp, stdio ─► calls ─► the desk
                          │ the run pauses
                          ▼
                        asking ─► the client's user: a form of what is asked (forms), or the page where people decide

tools      the tools there are: none of them answers, as it is the model that calls tools
calls      a call of one of them; results: what it returns
asking     whom to ask, how, and what came of it; rounds: how that is done in the eras of the protocol
forms      a request as a flat form, and what was filled in as a decision. Pure
mounting   all of it in an application; on standard input and output it is `hitl mcp`
"""

from __future__ import annotations

from .mounting import mount_mcp

__all__ = ["mount_mcp"]
