"""What queries and commands read with: a link, and a list of the rows that were found damaged on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from .link import Link, Rows

log = logging.getLogger("hitl_core.stores")


class View:
    """One consistent state of the database. `damaged` holds (what, id) of rows that were skipped.

    `with_unsealed`: audit lines that are not sealed yet are shown as well.
    """

    def __init__(self, link: Link, *, with_unsealed: bool = False) -> None:
        self.with_unsealed = with_unsealed
        self.link = link
        self.execute: Callable[..., Rows] = link.execute
        self.damaged: list[tuple[str, str]] = []

    def one(self, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found: tuple[Any, ...] | None = self.execute(sql, parameters).fetchone()
        return found

    def unless_locked(self, *names: str) -> str:
        """What is only read is locked for nobody."""
        return ""

    def skip(self, what: str, name: str, because: Exception) -> None:
        """Go on without a damaged row; it is logged now and noted in the audit trail soon."""
        log.error("%s %s is skipped: %s", what, name, because)
        self.damaged.append((what, name))

    def pass_over(self, what: str, name: str, because: Exception) -> None:
        """Go on without a row that is in order, but not for this release; that is logged and nothing to repair."""
        log.warning("%s %s is passed over: %s", what, name, because)
