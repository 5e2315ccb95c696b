"""The two kinds of things that a store is asked: commands change it, queries read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class Command(Generic[R]):
    """One atomic change; `Store.apply` returns its R."""


@dataclass(frozen=True, slots=True)
class Query(Generic[R]):
    """One consistent read; `Store.fetch` returns its R."""
