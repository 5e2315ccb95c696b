"""Agent2Agent: an app that is overseen, as an agent of that protocol. A run is a task; one that waits for people is
`input-required`, and its message carries what they are asked.

    POST /a2a ─► RequireCaller ─► bodies ─► handler ─► messages ─► the desk ─► tasks ─► a Task, or events of one

messages   what was said, read: the input of a new run, or answers. Pure
tasks      a run as a task, its requests as the parts of a message; history: what was said until now. Both pure
listing    what a list of tasks is asked for. Pure
numbers    A2A carries numbers as doubles; what does not survive that is said in words
handler    the calls of the protocol, for the server of the official SDK; refusals: our errors as the protocol's
bodies     what is sent, read whole and within bounds
card       what the agent says of itself; mounting: all of it in an application
"""

from __future__ import annotations

from .mounting import mount_a2a

__all__ = ["mount_a2a"]
