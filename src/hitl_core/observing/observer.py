"""The seam: an observer is told of what a runtime asks of its store, and stands around each turn of an adapter.

`ObservedStore` and `ObservedAdapter` are put around a store and an adapter that are observed; where nobody observes,
there is nothing to go through. An observer that fails is logged and harms nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, Protocol, TypeVar

from ..capabilities import Capabilities
from ..commands import Claimed, ClaimRuns, Command, ListRequests, Query, Settled
from ..contracts import Adapter, Ending, Finding, Store, Turn, every, formats_of
from ..lifecycle import RequestState
from ..protocol import Json, Run

log = logging.getLogger("hitl_core.observing")

R = TypeVar("R")

ANSWERED: Final = (RequestState.DECIDED, RequestState.VETOED)

Done = Callable[[Ending | BaseException], None]
"""What is told how a turn ended: by its ending, or by what it raised."""


class Observer(Protocol):
    """Somebody who watches. None of this may wait: it is called on the way."""

    def opened(self, store: Store) -> None:
        """A runtime was opened on this store, in a running event loop."""

    def before(self, command: Command[R]) -> Command[R]:
        """A command as it is to be applied: an observer may put its trace on what travels with it."""

    def after(self, asked: Command[Any] | Query[Any], result: Any, seconds: float) -> None:
        """A command was applied, or a query answered."""

    def failed(self, asked: Command[Any] | Query[Any], error: Exception, seconds: float) -> None:
        """A command or a query has raised."""

    def taken_up(self, claimed: Claimed, answered: Sequence[Settled]) -> None:
        """A run that was ready is gone on with, because of these answers."""

    def turn(self, turn: Turn) -> AbstractContextManager[Done]:
        """Stand around a turn; what is given is told how it ended."""


@contextmanager
def harmless(what: str) -> Iterator[None]:
    """What goes wrong in here goes wrong for the observer alone."""
    try:
        yield
    except Exception:
        log.exception("%s was lost", what)


class ObservedStore:
    """A store whose observers are told of each command and query."""

    def __init__(self, inner: Store, observers: Sequence[Observer]) -> None:
        self.inner = inner
        self._observers = observers

    async def apply(self, command: Command[R]) -> R:
        for each in self._observers:
            with harmless("the trace of a command"):
                command = each.before(command)
        begun = time.perf_counter()
        try:
            result = await self.inner.apply(command)
        except Exception as exc:
            self._failed(command, exc, time.perf_counter() - begun)
            raise
        self._after(command, result, time.perf_counter() - begun)
        if isinstance(command, ClaimRuns):
            await self._taken_up(result)
        return result

    async def fetch(self, query: Query[R]) -> R:
        begun = time.perf_counter()
        try:
            result = await self.inner.fetch(query)
        except Exception as exc:
            self._failed(query, exc, time.perf_counter() - begun)
            raise
        self._after(query, result, time.perf_counter() - begun)
        return result

    async def changed(self, *, timeout: float) -> None:
        await self.inner.changed(timeout=timeout)

    async def close(self) -> None:
        await self.inner.close()

    def __getattr__(self, name: str) -> Any:
        """What a store has besides its contract, such as the custody of its trail."""
        return getattr(self.inner, name)

    async def _taken_up(self, claimed: Any) -> None:
        """Which answers the runs go on with. One more query for each, which only an observed store is asked."""
        for each in claimed:
            if each.ready_at is None:
                continue
            with harmless("what a run goes on with"):
                answers = every(self.inner, ListRequests(ANSWERED, run_id=each.run.id))
                answered = tuple([answer async for answer in answers])
                for observer in self._observers:
                    observer.taken_up(each, answered)

    def _after(self, asked: Command[Any] | Query[Any], result: Any, seconds: float) -> None:
        for each in self._observers:
            with harmless("a measurement"):
                each.after(asked, result, seconds)

    def _failed(self, asked: Command[Any] | Query[Any], error: Exception, seconds: float) -> None:
        for each in self._observers:
            with harmless("a measurement"):
                each.failed(asked, error, seconds)


class ObservedAdapter:
    """An adapter whose turns are observed."""

    def __init__(self, inner: Adapter, observers: Sequence[Observer]) -> None:
        self.inner = inner
        self._observers = observers

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def formats(self) -> tuple[str, ...]:
        return formats_of(self.inner)

    async def attach(self) -> tuple[Finding, ...]:
        return await self.inner.attach()

    async def advance(self, turn: Turn) -> Ending:
        with ExitStack() as around:
            told = [around.enter_context(_standing(each, turn)) for each in self._observers]
            try:
                ending = await self.inner.advance(turn)
            except BaseException as exc:
                _tell(told, exc)
                raise
            _tell(told, ending)
            return ending

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        await self.inner.cancel(run, checkpoint)

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        return await self.inner.rewind(run, checkpoint)

    async def close(self) -> None:
        await self.inner.close()


def observed(store: Store, adapter: Adapter, observers: Sequence[Observer]) -> tuple[Store, Adapter]:
    """A store and an adapter as they are observed: themselves, where nobody observes."""
    if not observers:
        return store, adapter
    seen = ObservedStore(store, observers)
    for each in observers:
        with harmless("an observer"):
            each.opened(seen)
    return seen, ObservedAdapter(adapter, observers)


@contextmanager
def _standing(observer: Observer, turn: Turn) -> Iterator[Done]:
    """An observer around a turn. It is told how that ends, but not by an exception that it could keep to itself."""
    with ExitStack() as around:
        done: Done = _nobody
        with harmless("a turn"):
            done = around.enter_context(observer.turn(turn))
        try:
            yield done
        finally:
            with harmless("a turn"):
                around.close()


def _nobody(how: Ending | BaseException) -> None:
    """An observer that could not come."""


def _tell(told: Sequence[Done], how: Ending | BaseException) -> None:
    for each in told:
        with harmless("how a turn ended"):
            each(how)
