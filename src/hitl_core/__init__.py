"""hitl-core: one protocol for human oversight of AI agents, whichever framework they run on.

 agent framework                                                              people
      │ tool call / native pause                                                ▲ │
┌─────▼──────────┐ propose(action)  ┌────────────── hitl_core ────────────────┐ │ │
│ hitl_adapters  │ ───────────────► │ policy ─► request ─► store ─► channel ──┼─┘ │
│  .<framework>  │ ◄─────────────── │ verdict                                 │   │
│ suspends the   │ claim · report   │ outcome ◄─ resume ◄─ lifecycle ◄─ check ◄┼──┘ response
│ framework's way│ ◄──────────────► │    └────────► audit ◄────────┘          │
└────────────────┘                  └─────────────────────────────────────────┘

async with connect("hitl.toml") as hitl:
    run = await hitl.start({"order": "A-1042"})       # runs until done or paused
    for request in run.pending:                       # PauseRequest: what the human is shown
        await hitl.respond(request.approve(by="reviewer-1"))
    run = await hitl.wait(run.id)
"""

from __future__ import annotations

import importlib
import typing

if typing.TYPE_CHECKING:
    from .apps import AgentSpec, AppSource, ModelSpec
    from .blocking import connect_blocking
    from .config import Config, connect
    from .errors import AlreadyDecided, ConfigError, Fault, HitlError, ResponseRefused
    from .policy import Policy
    from .protocol import (
        Action,
        Approvers,
        ClientTool,
        Context,
        EffectMode,
        Kind,
        Level,
        LiveEvent,
        Option,
        PauseRequest,
        Preview,
        Reply,
        Responder,
        Response,
        Run,
        RunState,
    )
    from .runtime import Runtime, Worker
    from .tools import Tool, choice, current_call, question, review, tool

_HOMES = {
    "Action": "protocol",
    "AgentSpec": "apps",
    "AlreadyDecided": "errors",
    "AppSource": "apps",
    "Approvers": "protocol",
    "ClientTool": "protocol",
    "Config": "config",
    "ConfigError": "errors",
    "Context": "protocol",
    "EffectMode": "protocol",
    "Fault": "errors",
    "HitlError": "errors",
    "Kind": "protocol",
    "Level": "protocol",
    "LiveEvent": "protocol",
    "ModelSpec": "apps",
    "Option": "protocol",
    "PauseRequest": "protocol",
    "Policy": "policy",
    "Preview": "protocol",
    "Reply": "protocol",
    "Responder": "protocol",
    "Response": "protocol",
    "ResponseRefused": "errors",
    "Run": "protocol",
    "RunState": "protocol",
    "Runtime": "runtime",
    "Tool": "tools",
    "Worker": "runtime",
    "choice": "tools",
    "connect": "config",
    "connect_blocking": "blocking",
    "current_call": "tools",
    "question": "tools",
    "review": "tools",
    "tool": "tools",
}
"""Where each public name lives. A room is loaded when one of its names is first used, so that a process which only
needs the records never loads the stores."""

__all__ = [
    "Action",
    "AgentSpec",
    "AlreadyDecided",
    "AppSource",
    "Approvers",
    "ClientTool",
    "Config",
    "ConfigError",
    "Context",
    "EffectMode",
    "Fault",
    "HitlError",
    "Kind",
    "Level",
    "LiveEvent",
    "ModelSpec",
    "Option",
    "PauseRequest",
    "Policy",
    "Preview",
    "Reply",
    "Responder",
    "Response",
    "ResponseRefused",
    "Run",
    "RunState",
    "Runtime",
    "Tool",
    "Worker",
    "choice",
    "connect",
    "connect_blocking",
    "current_call",
    "question",
    "review",
    "tool",
]


def __getattr__(name: str) -> typing.Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
