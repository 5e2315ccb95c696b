"""Opening the inbox as a whole screen; Textual is loaded for that alone."""

from __future__ import annotations

from functools import partial

from ..errors import AdapterNotInstalled
from ..protocol import Responder
from ..runtime import Runtime
from .opening import Opening

LOOK_SECONDS = 5.0
"""After how long it looks again where nothing is heard."""


def watch_inbox(opening: Opening, who: Responder, *, undo: float) -> None:
    """Show what waits for `who` until they leave. Raises AdapterNotInstalled without the extra `terminal`."""
    try:
        from .inbox import InboxApp
    except ModuleNotFoundError as exc:
        if (exc.name or "").split(".")[0] != "textual":
            raise
        missing = "`--watch` needs the package 'textual', which is not installed: pip install 'hitl-core[terminal]'"
        raise AdapterNotInstalled(missing) from exc

    async def show(hitl: Runtime) -> None:
        changed = partial(hitl.store.changed, timeout=LOOK_SECONDS)
        known = opening.is_remote or hitl.directory is not None
        await InboxApp(hitl, who, changed=changed, undo=undo, known=known).run_async()

    opening.do(show)
