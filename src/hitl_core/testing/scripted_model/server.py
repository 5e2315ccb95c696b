"""`ScriptedModel`: the server that applications and tests start and stop."""

import ipaddress
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .call_log import CallEntry, CallLog
from .exchange import LoopbackServer
from .playback import Playback
from .script import Script

MAX_BODY_BYTES: Final = 8 * 2**20
POLL_S: Final = 0.05


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ScriptedModel:
    """An OpenAI-compatible server on loopback that plays a script.

    A context manager; `start` and `stop` do the same by hand. ``log``: a file for the calls, read
    first if it is there, so that numbers and `Refuse.times` go on after a restart. ``port`` 0 takes
    a free one. ``log_bodies`` keeps each request whole in the log (headers, and so the API key,
    never). A body over ``max_body_bytes`` is refused with 413.

    Raises `ValueError` for a host that is not IPv4 loopback and for a log file that holds
    something else, `OSError` from `start` when the port is taken.
    """

    def __init__(
        self,
        script: Script,
        *,
        log: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        log_bodies: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._address = (_loopback(host), port)
        self._models = script.model_names
        self._log = CallLog(log)
        self._playback = Playback(script, self._log, clock=clock, log_bodies=log_bodies)
        self._max_body_bytes = max_body_bytes
        self._running: tuple[LoopbackServer, threading.Thread] | None = None

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL, such as ``http://127.0.0.1:8123/v1``.

        Raises `RuntimeError` while the server does not run.
        """
        if self._running is None:
            raise RuntimeError("the scripted model is not running: use `with ScriptedModel(...)` or start()")
        server, _ = self._running
        return f"http://{server.server_name}:{server.server_port}/v1"

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        """Every call so far, those found in the log file included."""
        return self._log.entries

    def start(self) -> None:
        """Listen and serve in a thread of its own; a running server goes on as it is."""
        if self._running is not None:
            return
        server = LoopbackServer(
            self._address, playback=self._playback, models=self._models, max_body_bytes=self._max_body_bytes
        )
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), name="scripted-model", daemon=True)
        thread.start()
        self._running = (server, thread)

    def stop(self) -> None:
        """Cut what is under way and end, within a second; a stopped server stays as it is."""
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        server.stop()
        thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    address = ipaddress.ip_address(host)
    if not (address.version == 4 and address.is_loopback):
        raise ValueError(f"a scripted model listens on IPv4 loopback only, not on {host!r}")
    return host
