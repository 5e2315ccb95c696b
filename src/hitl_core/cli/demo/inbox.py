"""The inbox of the demo: served to this machine alone, by a process of its own, and the browser that opens it."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import Popen
from urllib.parse import urlsplit

from ...config import Serving
from ...config.serving import LOOPBACK
from ...errors import AdapterNotInstalled
from ...runtime import Runtime
from ..commands.serve import require_extra
from ..handing_over import HandedOver, open_at
from ..hints import Hints
from ..opening import Opening
from ..terminal.render import shown
from .world import World


def browser() -> webbrowser.BaseBrowser | None:
    """The browser that opens beside this terminal. None where there is no display, and for one that would take the
    terminal for itself."""
    if sys.platform == "darwin":
        seen = "SSH_CONNECTION" not in os.environ
    else:
        seen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    try:
        found = webbrowser.get() if seen else None
    except webbrowser.Error:
        return None
    return found if "BROWSER" in os.environ or type(found) is not webbrowser.GenericBrowser else None


@dataclass(slots=True)
class Inbox:
    """The process that serves it, and whether somebody was told where it is."""

    world: World
    opening: Opening
    who: str
    process: Popen[bytes]
    browser: webbrowser.BaseBrowser | None
    _told: bool = False
    _handed: HandedOver | None = None

    def show(self) -> None:
        """Say where it is, once: with a link that signs in, in a browser if there is one."""
        if not self._told:
            self._open(self.world.document(self.process, "hitl serve")["url"])
            self._told = True

    def _open(self, address: str) -> None:
        link = f"{address}/login/{self.opening.do(self._link)}"
        self._handed = None if self.browser is None else open_at(link, self.browser)
        opened = self._handed is not None
        where = "is open in your browser" if opened else "waits for you in a browser"
        self._say(f"The inbox {where}: {address}")
        self._say(f"  {'if it did not open, ' * opened}this signs {self.who} in, once, within 15 minutes: {link}")
        if not opened:
            port = urlsplit(address).port
            self._say(
                f"  from another machine, first bring its port there: ssh -L {port}:{LOOPBACK}:{port} THIS-MACHINE"
            )

    async def _link(self, hitl: Runtime) -> str:
        from ...server import Site
        from ...server.auth.login_links import new_link

        return await new_link(Site(hitl, Serving()), self.who)

    def later(self) -> None:
        """How to come back to it."""
        if self._told:
            self._say(f"See all of it in the inbox once more: {Hints(self.world.config)('serve', '--open')}")

    def end(self) -> None:
        """What opened the browser is not there any more."""
        if self._handed is not None:
            self._handed.end()

    def _say(self, text: str) -> None:
        self.world.console.print(shown(text), soft_wrap=True)


@contextmanager
def offered(
    world: World, opening: Opening, who: str, *, forced: bool, opens: bool, again: str
) -> Iterator[Inbox | None]:
    """The inbox while the body runs, if it is forced or a browser can open it. Where no browser opens though one is
    wanted, or its packages are missing, that is said, and there is none: `again` is this demo once more."""
    found = browser() if opens else None
    if not forced and found is None:
        if opens:
            said = f"No browser opens from here, so you answer in this terminal. In the web inbox: {again} --serve"
            world.console.print(shown(said), soft_wrap=True)
        yield None
        return
    try:
        require_extra()
    except AdapterNotInstalled as exc:
        world.console.print(shown(str(exc)), soft_wrap=True)
        yield None
        return
    with _served(world) as process:
        inbox = Inbox(world, opening, who, process, found)
        try:
            yield inbox
        finally:
            inbox.end()


@contextmanager
def _served(world: World) -> Iterator[Popen[bytes]]:
    """Its process, on a free port of this machine alone. It goes on with no run: that is the demo's to tell."""
    command = ("serve", "-c", str(world.config), "--host", LOOPBACK, "--port", "0", "--no-worker", "--json")
    with world.beside(*command) as process:
        try:
            yield process
        finally:
            process.terminate()
