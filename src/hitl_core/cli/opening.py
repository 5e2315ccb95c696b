"""The one place where the command line enters asyncio: open the runtime of a configuration, work, close it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from ..channels.plain_text import visible
from ..config import Config, Serving, connect, is_remote, require_store
from ..contracts import Finding
from ..errors import AppRefused, HitlError
from ..observing import Observer
from ..protocol import Arguments, Comment, PauseRequest, Preview
from ..runtime import Runtime
from .importing import importing
from .options import login_name
from .terminal.log import is_verbose, place_of

if TYPE_CHECKING:
    from ..client import RemoteRuntime

T = TypeVar("T")
log = logging.getLogger("hitl_core")


@dataclass(frozen=True, slots=True)
class Opening:
    """Which configuration to open. Nothing is open between two calls of `do`: a person may think for days.

    `serving` is how it is served, where that is not for its own file to say.
    """

    config: Path
    backend: str | None = None
    serving: Serving | None = None
    _warned: set[Finding] = field(default_factory=set)

    def do(self, work: Callable[[Runtime], Awaitable[T]], *, observers: Sequence[Observer] = ()) -> T:
        """`work(runtime)` from start to end in an event loop of its own. Raises what `connect` and `work` raise."""

        async def opened() -> T:
            async with self.opened(observers=observers) as hitl:
                return await work(hitl)

        return asyncio.run(opened())

    def opened(self, *, observers: Sequence[Observer] = ()) -> AbstractAsyncContextManager[Runtime]:
        """The runtime, for as long as the body of `async with` takes. Raises what `connect` raises."""
        config = Config.load(self.config, backend=self.backend)
        return connect(replace(config, serving=self.serving or config.serving), observers=observers)

    @property
    def is_remote(self) -> bool:
        """Whether a server has the store."""
        return is_remote(Config.load(self.config, backend=self.backend).store_url)

    def require_store(self, what: str) -> None:
        """Raises ConfigError where a server has the store, for what works on the store itself."""
        require_store(Config.load(self.config, backend=self.backend).store_url, what)

    def person(self) -> str:
        """Who is at this terminal, where nobody says: whom the token is of, if there is a server; else the login name.

        Raises WrongUsage.
        """
        if not self.is_remote:
            return login_name()
        return self.do(lambda hitl: cast("RemoteRuntime", hitl).me()).id

    def preview(self, request: PauseRequest, arguments: Arguments) -> Preview | None:
        """What an edited call would do, by the tool's own code: the app is loaded for that, and let go of.

        None also for an app that cannot be loaded here: the answer does not depend on it.
        """
        try:
            return self.do(lambda hitl: hitl.preview(request, arguments))
        except Exception as exc:
            log.info("there is no preview of the edited call: %s", exc)
            return None

    def comments(self, request: PauseRequest) -> tuple[Comment, ...]:
        """What was said about a request beside deciding it."""
        return self.do(lambda hitl: hitl.comments(request.id))

    async def attach(self, hitl: Runtime) -> None:
        """Build the app, and print once what was found in it that a person should know.

        Raises AppRefused also for an app that cannot even be loaded, with what it raised and where.
        """
        try:
            with importing():
                found = await hitl.attach()
        except HitlError:
            raise
        except Exception as exc:  # the app is somebody's code: whatever it raises on loading is what there is to say
            if is_verbose():
                raise
            what = f"{type(exc).__name__}: {exc}"
            raise AppRefused(f"{hitl.settings.app!r} cannot be loaded: {what} ({place_of(exc)})") from exc
        for each in found:
            if each.level == "warn" and each not in self._warned:
                self._warned.add(each)
                print(visible(f"warning: {each.place}: {each.message}"), file=sys.stderr, flush=True)
