"""`hitl serve`: the inbox, its API, and a worker that goes on with what was answered."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
import webbrowser
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ...config import IN_MEMORY, Config, Serving, apps_beside, require_store
from ...errors import NotPermitted
from ...observing import Observer
from ...runtime import Left, Runtime
from ...versions import installed
from ..handing_over import HandedOver, open_at
from ..hearing import leave
from ..importing import importing
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, Backend, ConfigFile, Exit, login_name
from ..terminal.log import log_to_stderr, tell
from ..terminal.output import Output
from ..watching import Meter
from .shift import Shift, exit_for, in_words

if TYPE_CHECKING:
    from ...channels.messages import Route
    from ...server import Site
    from ...server.listening import Listener

Host = Annotated[
    str | None, typer.Option("--host", help="The address to listen on. By default server.host: this machine alone.")
]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65_535, help="The port; 0 for any. By default server.port.")
]
NoWorker = Annotated[bool, typer.Option("--no-worker", help="Only serve: workers elsewhere go on with answered runs.")]
Open = Annotated[bool, typer.Option("--open", help="Open the inbox in a browser.")]

log = logging.getLogger("hitl_core")


def serve(
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    host: Host = None,
    port: Port = None,
    no_worker: NoWorker = False,
    open_: Open = False,
    as_json: AsJson = False,
) -> int:
    """Serve the inbox and its API, until told to stop. It goes on with what is answered.

    It serves this machine alone unless told otherwise, and prints a link that signs in once. SIGTERM and Ctrl-C end it
    in order, a second one at once. Exit status as of `hitl worker`.
    """
    log_to_stderr(chatty=not as_json)
    require_extra()
    opening, found = Opening(config, backend), Config.load(config, backend=backend)
    require_store(found.store_url, "`hitl serve`")
    serving = dataclasses.replace(
        found.serving,
        host=found.serving.host if host is None else host,
        port=found.serving.port if port is None else port,
    )
    serving.require_identity_provider()
    beside = apps_beside(found)
    apps = {name: Opening(found.serving.apps[name], serving=found.serving) for name in beside}
    shifts = () if no_worker else tuple(Shift.of(each) for each in (opening, *apps.values()))
    return _Service(
        opening,
        apps,
        serving,
        shifts,
        Output(as_json),
        opens=open_,
        apart=found.store_url != IN_MEMORY,
        messages=tuple(dict.fromkeys(route for each in (found, *beside.values()) for route in each.messages)),
    ).done()


class _Service:
    """The server and its workers, one for each app, from their start to their exit status.

    A worker has a thread, a loop and a runtime of its own: an action that blocks must not keep people from the stop
    button (docs/decisions/0083). A store in memory has one runtime only, which both work with.
    """

    def __init__(
        self,
        opening: Opening,
        apps: Mapping[str, Opening],
        serving: Serving,
        shifts: tuple[Shift, ...],
        output: Output,
        *,
        opens: bool,
        apart: bool,
        messages: tuple[Route, ...],
    ) -> None:
        self._opening, self._apps, self._serving = opening, apps, serving
        self._shifts, self._output = shifts, output
        self._opens, self._apart, self._messages = opens, apart, messages
        self._meter = Meter.if_installed()
        self._listener: Listener | None = None
        self._handed: HandedOver | None = None
        self._told = False

    def done(self) -> int:
        longest = max(self._shifts, key=lambda each: each.grace, default=Shift(self._opening, places=1, grace=0.0))
        try:
            with longest.hearing(self._end):
                left = self._opening.do(self._work, observers=self._observers())
        finally:
            if self._handed is not None:
                self._handed.end()
        for each in in_words(left):
            self._output.err.print(each, soft_wrap=True)
        code = exit_for(left)
        if code is not Exit.DONE:
            leave(code)
        return code

    def _end(self) -> None:
        self._told = True
        if self._listener is not None:
            self._listener.end()
        for each in self._shifts:
            each.end()

    def _observers(self) -> tuple[Observer, ...]:
        return () if self._meter is None else self._meter.observers()

    async def _work(self, hitl: Runtime) -> Left:
        """Serve, and work, until all have ended; where one of them ends, so do the others."""
        from ...server.listening import bound

        with bound(self._serving.host, self._serving.port) as listening:
            serves = asyncio.ensure_future(self._serve(hitl, listening))
            works = [asyncio.ensure_future(self._go_on(hitl, each)) for each in self._shifts]
            await asyncio.wait((serves, *works), return_when=asyncio.FIRST_COMPLETED)
            if not self._told:
                self._end()
            await asyncio.wait((serves, *works))
            serves.result()
            return sum((each.result() for each in works), start=Left())

    async def _serve(self, hitl: Runtime, listening: socket.socket) -> None:
        async with AsyncExitStack() as around:
            apps = dict[str, Runtime]()
            for name, each in self._apps.items():
                apps[name] = await around.enter_async_context(each.opened(observers=self._observers()))
            await self._listen(hitl, apps, listening)

    async def _listen(self, hitl: Runtime, apps: Mapping[str, Runtime], listening: socket.socket) -> None:
        from ...server import create_app
        from ...server.listening import Listener, address_of

        serving = dataclasses.replace(self._serving, port=listening.getsockname()[1])
        metrics = None if self._meter is None else self._meter.page(hitl)
        app = create_app(hitl, serving, messages=self._messages, metrics=metrics, apps=apps)
        address = address_of(listening)
        link = await self._link(app.state.site, serving.url or address)
        self._listener = Listener(app, serving, told=lambda: self._say(address, link))
        if not self._told:
            fetching = asyncio.ensure_future(self._fetch_apps(app.state.site))
            await self._listener.serve([listening])
            await fetching

    async def _fetch_apps(self, site: Site) -> None:
        """Have another thread import what the apps need: that may take seconds, in which people are answered."""
        if not self._apart:
            return
        site.app_at_hand.clear()
        try:
            for each in (self._opening, *self._apps.values()):
                try:
                    await asyncio.to_thread(partial(each.do, Runtime.attach))
                except Exception as exc:  # whatever an app raises that is not at home here: who needs it is told then
                    log.info("the app is not at hand: %s", exc)
        finally:  # also where the server ends meanwhile: nobody waits for it then
            site.app_at_hand.set()

    async def _go_on(self, hitl: Runtime, shift: Shift) -> Left:
        if not self._apart:
            return await shift.work(hitl)
        return await asyncio.to_thread(partial(shift.opening.do, shift.work, observers=self._observers()))

    async def _link(self, site: Site, base: str) -> str:
        """What signs in the local account, once; "" where others say who people are, or nobody knows it."""
        from ...server.auth.login_links import new_link

        if site.serving.has_identity_provider:
            return ""
        try:
            return f"{base}/login/{await new_link(site, login_name())}"
        except NotPermitted:
            tell("your login name is not in the directory of people; somebody who is comes in by: hitl login --as WHO")
            return ""

    def _say(self, address: str, link: str) -> None:
        once = f"\nsign in, once, within 15 minutes: {link}" if link else ""
        self._output.result({"url": address, "sign_in": link}, Text(f"the inbox is at {address}{once}"))
        if not self._output.as_json:
            tell("Ctrl-C ends it", "dim")
        if self._opens and link:
            self._handed = open_at(link)
        elif self._opens:
            webbrowser.open(address)


def require_extra() -> None:
    """Raises AdapterNotInstalled where there is no server."""
    with installed("the inbox", extra="server"), importing():
        from ...server import app, listening  # noqa: F401
