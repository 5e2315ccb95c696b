"""A runtime of the shop that is observed, and a sink that keeps what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hitl_adapters.plain import PlainAdapter
from hitl_core.apps import AppSource
from hitl_core.contracts import Store
from hitl_core.observing import ObservedAdapter, ObservedStore, Observer
from hitl_core.observing.measuring import Measured, Measuring
from hitl_core.runtime import Runtime
from hitl_core.tools import Catalogue
from tests.core.shop import App, Shop


class Kept:
    """A sink."""

    def __init__(self) -> None:
        self.all: list[Measured] = []

    def take(self, measured: Measured) -> None:
        self.all.append(measured)

    def counts(self, name: str) -> dict[str, float]:
        """How many there were of an instrument, by the values of its labels."""
        found: dict[str, float] = {}
        for each in self.all:
            if each.name == name:
                key = " ".join(each.labels.values())
                found[key] = found.get(key, 0) + each.value
        return found

    def values(self, name: str) -> list[float]:
        return [each.value for each in self.all if each.name == name]


@asynccontextmanager
async def watched(shop: Shop, app: App, *observers: Observer, **more: Any) -> AsyncIterator[Runtime]:
    """A runtime as a new process would have it, whose store and adapter are observed."""
    inner = more.pop("wrap", lambda store: store)

    def wrap(store: Store) -> Store:
        return ObservedStore(inner(store), observers)

    adapter = ObservedAdapter(PlainAdapter(AppSource("shop:app", app), catalogue=Catalogue()), observers)
    async with shop.open(None, wrap=wrap, adapter=adapter, **more) as hitl:
        yield hitl


def measuring(shop: Shop, sink: Kept) -> Measuring:
    return Measuring(sink, shop.clock.now)


def only(found: Sequence[Any]) -> Any:
    (one,) = found
    return one
