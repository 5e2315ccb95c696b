"""What an engine brings along: a connection in a transaction, and the few things that engines say differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Taken(Exception):
    """A row with this id, or at this place, exists already."""


class Rows(Protocol):
    """What came of a statement."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Link(Protocol):
    """One connection, in one transaction. Statements are in SQLite's words, with `?` for what they are given."""

    def execute(self, sql: str, given: Sequence[Any] = (), /) -> Rows: ...

    def ahead(self, sql: str, given: Sequence[Any] = (), /) -> None:
        """This will be asked soon, in the same words, and nothing is written until then that it should see: where the
        way is far, it is sent along with what is asked next.
        """

    def expects(self, table: str) -> None:
        """A row will be inserted there, and its key be needed: it is asked for ahead, likewise."""

    def many(self, sql: str, given: Iterable[Sequence[Any]], /) -> None:
        """The same statement for each of these."""

    def insert(self, sql: str, given: Sequence[Any] = (), /) -> int:
        """Insert one row into a table that has a `key`; returns that key. Raises Taken."""

    def store(self, sql: str, given: Sequence[Any] = (), /) -> int:
        """As `insert`, of a row that is never looked for in the order of its key, and that cannot be there already."""

    def unless_locked(self, *names: str) -> str:
        """The end of a SELECT that locks the rows it finds under these names, and passes over those others have locked.

        Empty where only one transaction writes at a time.
        """

    def unsealed(self) -> Sequence[Row]:
        """Lines that are committed and not sealed yet, in the order in which they will be: the number that each would
        have now, at, event, subject, actor, body, what is kept apart (salt, value, person, erased by), the key of its
        run, whether it was refused: it is not as it was written. None where a line is sealed in its own transaction.
        """

    def seen(self) -> str:
        """Which transactions can be seen here, in the engine's words; "" where keys are committed in their order."""

    def unseen(self, name: str, seen: str) -> tuple[str, tuple[Any, ...]]:
        """That the request `name` could not be seen where the other could be `seen`: a condition, and its values."""

    def tolerant(self) -> AbstractContextManager[None]:
        """Meanwhile text that is damaged reads as other text, where the engine would fail the whole query."""

    def lend(self) -> AbstractContextManager[Any]:
        """The driver's own connection, for an effect in this transaction: it may write its own tables, no others."""

    def take_back(self, name: str, because: Exception) -> None:
        """Undo what was written since the savepoint `name`, after an effect failed. Raises if all of it is lost."""
