"""What a store is put together from: one set for a file, one for memory. Both serve the same code."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ...audit import Anchors, Chain, Custody, load_or_create, new_secret
from ..sql.tables import Tip, View, read_anchor, read_tip
from ..sql.waking import Count, Doorbell
from .engine import Engine
from .file import FileLock, FileVersion, Location, OneConnection, Readers, SqliteLink, connect, migrate, of_reading


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts, and how to let go of them."""

    engine: Engine
    readers: Readers | OneConnection
    bell: Doorbell
    version: FileVersion | Count
    custody: Custody
    committed: Callable[[], None]
    witnessed: Callable[[], None]
    let_go: tuple[Callable[[], None], ...]

    def close(self) -> None:
        """Readers first: whoever closes last tidies the write-ahead log, and that is to be the writer.

        Before it, the last anchor: the writer remembers it. One that raises leaves none of the others open.
        """
        closing = (self.bell.close, self.readers.close, self.version.close, self.witnessed, self.engine.close)
        with ExitStack() as leaving:
            for each in reversed((*closing, *self.let_go)):
                leaving.callback(each)


def in_file(location: Location, *, key: Path, anchors: Path, anchoring: bool) -> Parts:
    """A store in a file. Raises ConfigError, StoreUnavailable or StoreTooNew."""
    lock = FileLock(location.beside(".lock"))
    with lock:
        origin, tip, remembered = _prepared(location)
    custody = Custody(load_or_create(key, lines=tip.size), origin, anchors, remembered)
    tips = Anchors(custody if anchoring else replace(custody, anchors=None))
    tips.catch_up(tip)
    bell = Doorbell(location.beside(".bell"))
    return Parts(
        engine=Engine(location, lock, Chain(custody.secret, origin), sealed=tips.moved, anchored=tips.take_fresh),
        readers=Readers(location),
        bell=bell,
        version=FileVersion(connect(location, writes=False)),
        custody=custody,
        committed=bell.ring,
        witnessed=tips.close,
        let_go=(lock.close,),
    )


def in_memory(location: Location) -> Parts:
    """A store that ends with its process: one connection, used by one thread at a time."""
    connection, guard = connect(location, writes=True), threading.RLock()
    origin = migrate(connection, location)
    custody = Custody(new_secret(), origin, None)
    count, bell = Count(), Doorbell(None)

    def committed() -> None:
        count.one_more()
        bell.ring()

    engine = Engine(location, guard, Chain(custody.secret, origin), sealed=lambda tip: None, anchored=lambda: None)
    engine.use(connection)
    return Parts(engine, OneConnection(connection, guard), bell, count, custody, committed, lambda: None, ())


def _prepared(location: Location) -> tuple[str, Tip, str]:
    connection = connect(location, writes=True, create=True)
    try:
        origin, view = migrate(connection, location), View(SqliteLink(connection))
        return origin, read_tip(view), read_anchor(view)
    except (sqlite3.Error, UnicodeDecodeError) as exc:
        raise of_reading(exc, location) from exc
    finally:
        connection.close()
