"""One call of a server: sent, tried again where that can do no harm, and answered with a value or an error of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import BaseModel, ValidationError

from ..contracts import Clock
from ..errors import HitlError, RecordError, StoreUnavailable
from ..protocol import LiveEvent
from ..wire import MEDIA_TYPE, Form, Problem, error_of, forms, plain_problem
from .server import Server

T = TypeVar("T")

TRIES: Final = 4
FIRST_WAIT: Final = 0.2
"""Seconds before a call is sent a second time; then twice as many each time."""
PATIENCE: Final = 15.0
"""Seconds that an answer may take besides what the call itself waits."""
HEARD: Final = 3_600.0
"""Seconds that a stream may be silent."""
GATHERED: Final = 0.5
"""Seconds in which events that come together are heard as one."""
_AGAIN: Final = (429, 502, 503, 504)
"""What may be otherwise in a moment."""

Query = Mapping[str, Any]


class Calling:
    """A connection to a server. `transport` is for whoever has the server in their own process."""

    def __init__(self, server: Server, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.server, self._clock = server, clock
        self._known: int | None = None
        headers = {"Authorization": f"Bearer {server.token}", "Accept": f"application/json, {MEDIA_TYPE}"}
        # Not to a proxy of the environment what is to stay on this machine, as it would see the token.
        env = transport is None and not server.stays_here
        self._http = httpx.AsyncClient(
            base_url=server.url, headers=headers, timeout=PATIENCE, transport=transport, trust_env=env
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, form: Form[T], query: Query | None = None, *, wait: float = 0) -> T:
        """What there is."""
        return form_of(form, await self._sent("GET", path, query=query, wait=wait, repeatable=True))

    async def post(
        self,
        path: str,
        form: Form[T],
        body: BaseModel | None = None,
        query: Query | None = None,
        *,
        wait: float = 0,
        once: bool = False,
        harmless: bool = False,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Do something. It is tried again if nothing can have come of it; and else only if it is `harmless` when it is
        done twice, or is to be done `once` under a key of its own, which the server keeps.
        """
        said = dict(headers or {}) | ({"Idempotency-Key": uuid4().hex} if once else {})
        repeatable = once or harmless
        return form_of(form, await self._sent(method, path, body, query, said, wait=wait, repeatable=repeatable))

    async def _sent(
        self,
        method: str,
        path: str,
        body: BaseModel | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        wait: float,
        repeatable: bool,
    ) -> httpx.Response:
        request = self._request(method, path, body, query, headers, wait)
        for tries in range(1, TRIES + 1):
            try:
                response = await self._http.send(request)
            except httpx.TransportError as exc:
                if tries == TRIES or not (repeatable or _never_arrived(exc)):
                    raise self._away(exc, known=_never_arrived(exc)) from exc
            else:
                if tries == TRIES or response.status_code not in _AGAIN or not repeatable:
                    return _good(response)
            await self._clock.sleep(FIRST_WAIT * 2 ** (tries - 1))
        raise AssertionError("unreachable")  # pragma: no cover

    def _request(
        self,
        method: str,
        path: str,
        body: BaseModel | None,
        query: Query | None,
        headers: Mapping[str, str] | None,
        wait: float,
    ) -> httpx.Request:
        said = dict(headers or {}) | ({} if body is None else {"Content-Type": "application/json"})
        content = None if body is None else body.model_dump_json()
        given = {key: value for key, value in (query or {}).items() if value is not None and value != ()}
        timeout = httpx.Timeout(PATIENCE, read=PATIENCE + wait)
        return self._http.build_request(method, path, params=given, content=content, headers=said, timeout=timeout)

    @asynccontextmanager
    async def listening(self, path: str, body: BaseModel) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        """The live events of a turn, as they come. Raises what the turn raises."""
        request = self._request("POST", path, body, None, {"Accept": "text/event-stream"}, wait=HEARD)
        try:
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                yield _events(_good(response))
            finally:
                await response.aclose()
        except httpx.TransportError as exc:
            raise self._away(exc, known=_never_arrived(exc)) from exc

    async def heard(self, timeout: float) -> None:
        """Return soon after the next event of the server, or after `timeout` seconds; what was missed since counts.

        A server that is away, or whose events this token may not hear, is not heard: whoever asks it next is told.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                try:
                    come = await self._next_event()
                except (httpx.TransportError, SSEError):
                    come = False
                await self._clock.sleep(GATHERED if come else timeout)

    async def _next_event(self) -> bool:
        """Wait for it. False where the stream ends before."""
        query, accepted = {"after": self._known}, {"Accept": "text/event-stream"}
        request = self._request("GET", "/api/events", None, query, accepted, wait=HEARD)
        response = await self._http.send(request, stream=True)
        try:
            async for sent in EventSource(response).aiter_sse():
                self._known = int(sent.id) if sent.id.isdecimal() else self._known
                if sent.data:
                    return sent.event != "again"
            return False
        finally:
            await response.aclose()

    def _away(self, exc: httpx.TransportError, *, known: bool) -> StoreUnavailable:
        what = f"the server {self.server.url} cannot be reached ({type(exc).__name__}: {exc})"
        doubt = "nothing was done" if known else "whether this was done is not known: look before you do it again"
        return StoreUnavailable(f"{what}; {doubt}")


def form_of(form: Form[T], response: httpx.Response) -> T:
    """What an answer says. Raises RecordError for one that this release cannot read."""
    try:
        return form.read(response.content)
    except ValidationError as exc:
        where = f"{response.request.method} {response.request.url.path}"
        raise RecordError(f"the answer of {where} cannot be read; the server may be of another release: {exc}") from exc


async def _events(response: httpx.Response) -> AsyncIterator[LiveEvent]:
    async for sent in EventSource(response).aiter_sse():
        if sent.event == "live":
            yield forms.EVENT.read(sent.data)
        elif sent.event == "problem":
            raise error_of(Problem.model_validate_json(sent.data))
        elif sent.event == "end":
            return


def _good(response: httpx.Response) -> httpx.Response:
    """The answer, if it is one. Raises the error that it stands for."""
    if response.is_success:
        return response
    raise _error(response)


def _error(response: httpx.Response) -> HitlError:
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind == MEDIA_TYPE:
        try:
            return error_of(Problem.model_validate_json(response.content))
        except ValidationError:
            pass
    if response.is_error:
        return error_of(plain_problem(response.status_code, response.text[:200]))
    return StoreUnavailable(f"{response.request.url} answers {response.status_code}: it is not the API of a server")


def _never_arrived(exc: httpx.TransportError) -> bool:
    """Whether it is known that the server has seen nothing of the call."""
    return isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
