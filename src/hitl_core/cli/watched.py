"""Opening the inbox as a whole screen; Textual is loaded for that alone."""

from __future__ import annotations

from functools import partial

from ..protocol import Responder
from ..runtime import Runtime
from ..versions import installed
from .opening import Opening

LOOK_SECONDS = 5.0
"""After how long it looks again where nothing is heard."""


def watch_inbox(opening: Opening, who: Responder, *, undo: float) -> None:
    """Show what waits for `who` until they leave. Raises AdapterNotInstalled without the extra `terminal`."""
    with installed("`--watch`", extra="terminal"):
        from .inbox import InboxApp

    async def show(hitl: Runtime) -> None:
        changed = partial(hitl.store.changed, timeout=LOOK_SECONDS)
        known = opening.is_remote or hitl.directory is not None
        await InboxApp(hitl, who, changed=changed, undo=undo, known=known).run_async()

    opening.do(show)
