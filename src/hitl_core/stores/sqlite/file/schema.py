"""The tables, as numbered migrations. `PRAGMA user_version` says which ones a file has seen.

Ids are 16 bytes where they are UUIDs and text otherwise; instants are microseconds since 1970 in UTC; states are the
words of lifecycle.py. Narrow rows move, bodies do not: a page of the inbox reads few pages of the file.
"""

from __future__ import annotations

import sqlite3
from typing import Final
from uuid import uuid4

from ....errors import StoreTooNew, StoreUnavailable
from ...sql.upkeep import Versions
from .failures import unavailable
from .location import Location
from .moved import refuse_moved

APPLICATION: Final = 0x4849544C
"""`HITL`: so that another program's database is never taken for ours."""

_V1: Final = (
    "CREATE TABLE hitl_store (origin TEXT NOT NULL)",
    # What runs and requests have in common with many others, kept once.
    """CREATE TABLE hitl_apps (key INTEGER PRIMARY KEY, backend TEXT NOT NULL, app TEXT NOT NULL,
        version TEXT NOT NULL, tenant TEXT NOT NULL, UNIQUE (backend, app, version, tenant))""",
    """CREATE TABLE hitl_audiences (key INTEGER PRIMARY KEY, users TEXT NOT NULL, roles TEXT NOT NULL,
        UNIQUE (users, roles))""",
    """CREATE TABLE hitl_origins (key INTEGER PRIMARY KEY, tool TEXT NOT NULL, agents TEXT NOT NULL,
        UNIQUE (tool, agents))""",
    "CREATE TABLE hitl_bodies (key INTEGER PRIMARY KEY, digest BLOB NOT NULL, data BLOB NOT NULL)",
    """CREATE TABLE hitl_runs (key INTEGER PRIMARY KEY, id NOT NULL UNIQUE, state TEXT NOT NULL,
        app INTEGER NOT NULL REFERENCES hitl_apps, thread NOT NULL, started_by TEXT,
        created INTEGER NOT NULL, updated INTEGER NOT NULL, attempts INTEGER NOT NULL, turns INTEGER NOT NULL,
        fence INTEGER NOT NULL, owner TEXT, until INTEGER,
        input INTEGER, checkpoint INTEGER, output INTEGER, error TEXT, more TEXT)""",
    # A run that is ready stands here, whatever its own row says: an answer wakes it without touching that row's page.
    "CREATE TABLE hitl_woken (run INTEGER PRIMARY KEY, at INTEGER NOT NULL)",
    "CREATE INDEX hitl_leased ON hitl_runs (until) WHERE state = 'running'",
    "CREATE INDEX hitl_stopped ON hitl_runs (key) WHERE state = 'stopped'",
    """CREATE TABLE hitl_requests (key INTEGER PRIMARY KEY, id NOT NULL UNIQUE,
        run INTEGER NOT NULL REFERENCES hitl_runs, call TEXT NOT NULL, round INTEGER NOT NULL,
        waits INTEGER NOT NULL, state TEXT NOT NULL, votes INTEGER NOT NULL, allows INTEGER,
        audience INTEGER NOT NULL REFERENCES hitl_audiences, origin INTEGER NOT NULL REFERENCES hitl_origins,
        due INTEGER, lapse TEXT, why TEXT, body INTEGER NOT NULL, response INTEGER, line INTEGER, room BLOB,
        UNIQUE (run, call, round))""",
    # `room` is what a row will need when it is decided, so that it does not outgrow its page then; `line` is the audit
    # line of its decision, kept here because an answer should touch as few pages as possible.
    # Index entries that hold the audience, so that a rare role is found without reading rows.
    "CREATE INDEX hitl_inbox ON hitl_requests (key, audience) WHERE state = 'open' AND waits = 1",
    "CREATE INDEX hitl_notices ON hitl_requests (key, audience) WHERE state = 'open' AND waits = 0",
    # Entries of requests that were decided in time stay until their time has come (timers.py sweeps them).
    "CREATE INDEX hitl_due ON hitl_requests (due) WHERE due IS NOT NULL",
    "CREATE INDEX hitl_frozen ON hitl_requests (key) WHERE state = 'frozen'",
    """CREATE TABLE hitl_votes (request INTEGER NOT NULL REFERENCES hitl_requests, responder TEXT NOT NULL,
        body INTEGER NOT NULL, PRIMARY KEY (request, responder))""",
    """CREATE TABLE hitl_effects (key INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES hitl_runs,
        call TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL, attempts INTEGER NOT NULL,
        fence INTEGER NOT NULL, request INTEGER REFERENCES hitl_requests, action INTEGER NOT NULL,
        result INTEGER, error TEXT, UNIQUE (run, call))""",
    """CREATE TABLE hitl_journal (key INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES hitl_runs,
        name TEXT NOT NULL, body INTEGER NOT NULL, UNIQUE (run, name))""",
    """CREATE TABLE hitl_stops (scope TEXT NOT NULL, target TEXT NOT NULL, reason TEXT NOT NULL,
        by TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (scope, target))""",
    """CREATE TABLE hitl_audit (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL,
        subject NOT NULL, actor TEXT NOT NULL, body TEXT NOT NULL, mac BLOB NOT NULL, run INTEGER)""",
    "CREATE INDEX hitl_audit_run ON hitl_audit (run) WHERE run IS NOT NULL",
)

_V2: Final = (
    # When a request was frozen, so that a veto window keeps the time that it had left. NULL also where it is not known.
    "ALTER TABLE hitl_requests ADD COLUMN frozen_at INTEGER",
)

_V3: Final = (
    # The newest anchor, signed as in its file: whoever takes the file away and cuts the trail contradicts it.
    "ALTER TABLE hitl_store ADD COLUMN anchor TEXT NOT NULL DEFAULT ''",
)

_V4: Final = (
    """CREATE TABLE hitl_guidance (key INTEGER PRIMARY KEY, id NOT NULL UNIQUE,
        run INTEGER NOT NULL REFERENCES hitl_runs, state TEXT NOT NULL, place TEXT, settled INTEGER,
        body INTEGER NOT NULL)""",
    "CREATE INDEX hitl_guidance_run ON hitl_guidance (run)",
)

_V5: Final = (
    # The digest of the action that a request shows, so that an answer is compared with it without reading the request.
    # NULL where it is not known: then the request is read.
    "ALTER TABLE hitl_requests ADD COLUMN shown BLOB",
)

_V6: Final = (
    # What has begun, for rules that look at the past: a narrow row for each thing that a rule counts, none without such
    # rules. Amounts are in millionths, rounded up.
    """CREATE TABLE hitl_past (series BLOB NOT NULL, key BLOB NOT NULL, at INTEGER NOT NULL,
        effect INTEGER NOT NULL REFERENCES hitl_effects, amount INTEGER NOT NULL,
        PRIMARY KEY (series, key, at, effect)) WITHOUT ROWID""",
    # When somebody is asked again or others are asked: `step` is the place in what its request says of that.
    """CREATE TABLE hitl_timers (due INTEGER NOT NULL, request INTEGER NOT NULL REFERENCES hitl_requests,
        event TEXT NOT NULL, step INTEGER NOT NULL, PRIMARY KEY (due, request, event, step)) WITHOUT ROWID""",
    # Whether one person's answer may not be enough. NULL as 0: no release before this one has asked several people.
    "ALTER TABLE hitl_requests ADD COLUMN several INTEGER",
)

_V7: Final = (
    # What is put off, so that the inbox leaves it out without a look at every timer.
    "CREATE INDEX hitl_put_off ON hitl_timers (request) WHERE event = 'request.woken'",
)

_V8: Final = (
    # When an effect was executed, for undo windows. NULL where that is not known, so that it is never taken back: older
    # releases did not write it, and of what a person says has happened there is no receipt.
    "ALTER TABLE hitl_effects ADD COLUMN ended INTEGER",
    # Which effect was begun as the undo of which: one, ever.
    """CREATE TABLE hitl_undone (effect INTEGER PRIMARY KEY REFERENCES hitl_effects,
        by INTEGER NOT NULL REFERENCES hitl_effects)""",
    # What people have put in the place of an output, or of the result of a call; and what it was before.
    """CREATE TABLE hitl_overrides (key INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES hitl_runs, call TEXT,
        original INTEGER, body INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL)""",
    "CREATE INDEX hitl_overrides_run ON hitl_overrides (run)",
    # The undos of a run: with it they are erased.
    """CREATE INDEX hitl_undos ON hitl_runs (json_extract(more, '$.undoes'))
        WHERE json_extract(more, '$.undoes') IS NOT NULL""",
)

_V9: Final = (
    # The versions of drafts that agents and people share. A request has the number of the newest one in its row, NULL
    # where it has none.
    """CREATE TABLE hitl_drafts (draft NOT NULL, number INTEGER NOT NULL, body INTEGER NOT NULL,
        PRIMARY KEY (draft, number)) WITHOUT ROWID""",
    "ALTER TABLE hitl_requests ADD COLUMN draft INTEGER",
)

_V10: Final = (
    # Standing grants, and what has begun under them; amounts and sums are in millionths.
    """CREATE TABLE hitl_grants (key INTEGER PRIMARY KEY, id NOT NULL UNIQUE, tool TEXT NOT NULL, tenant TEXT NOT NULL,
        expires INTEGER NOT NULL, times INTEGER, most INTEGER, used INTEGER NOT NULL, spent INTEGER NOT NULL,
        revoked INTEGER, revoked_by TEXT, body INTEGER NOT NULL)""",
    "CREATE INDEX hitl_grants_tool ON hitl_grants (tool, tenant)",
    """CREATE TABLE hitl_grant_uses (grant_key INTEGER NOT NULL REFERENCES hitl_grants,
        effect INTEGER NOT NULL REFERENCES hitl_effects, amount INTEGER NOT NULL,
        PRIMARY KEY (grant_key, effect)) WITHOUT ROWID""",
    "CREATE INDEX hitl_grant_uses_effect ON hitl_grant_uses (effect)",
    # The grant under which an action has begun. NULL for all others.
    "ALTER TABLE hitl_effects ADD COLUMN granted INTEGER REFERENCES hitl_grants",
)

_V11: Final = (
    # The names of people and the texts that the audit trail has digests of, so that they can be erased. `person` is
    # whose text it is, NULL for a name; once erased, there is no salt, and `erased` is the line that says so.
    """CREATE TABLE hitl_apart (line INTEGER NOT NULL, place INTEGER NOT NULL, salt BLOB, value TEXT NOT NULL,
        person TEXT, erased INTEGER, PRIMARY KEY (line, place)) WITHOUT ROWID""",
)

_V12: Final = (
    # When somebody was last assigned to a request, so that people take turns.
    """CREATE TABLE hitl_assigned (tenant TEXT NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (tenant, person))""",
    # What is said about a request beside deciding it.
    """CREATE TABLE hitl_comments (key INTEGER PRIMARY KEY, id NOT NULL UNIQUE,
        request INTEGER NOT NULL REFERENCES hitl_requests, body INTEGER NOT NULL)""",
    "CREATE INDEX hitl_comments_request ON hitl_comments (request)",
)

_V13 = (
    # The form of a run's checkpoint, beside the version of its app: what a worker has to be able to load. The table is
    # made anew for its UNIQUE; what refers to it does so again before the end of the transaction.
    "PRAGMA defer_foreign_keys = ON",
    "CREATE TABLE hitl_moved AS SELECT * FROM hitl_apps",
    "DROP TABLE hitl_apps",
    """CREATE TABLE hitl_apps (key INTEGER PRIMARY KEY, backend TEXT NOT NULL, app TEXT NOT NULL,
        version TEXT NOT NULL, tenant TEXT NOT NULL, format TEXT NOT NULL,
        UNIQUE (backend, app, version, tenant, format))""",
    "INSERT INTO hitl_apps SELECT key, backend, app, version, tenant, '' FROM hitl_moved",
    "DROP TABLE hitl_moved",
    # What is ready, by what it needs and whose it is: a worker passes over what it cannot load, and tenants take turns.
    "CREATE TABLE hitl_moved AS SELECT r.app, w.run, w.at FROM hitl_woken w JOIN hitl_runs r ON r.key = w.run",
    "DROP TABLE hitl_woken",
    """CREATE TABLE hitl_woken (app INTEGER NOT NULL, run INTEGER NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (app, run)) WITHOUT ROWID""",
    "INSERT INTO hitl_woken SELECT app, run, at FROM hitl_moved",
    "DROP TABLE hitl_moved",
    # Turns that were begun since the last pause. Of runs that an older release left at work it counts from now on.
    "ALTER TABLE hitl_runs ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
    # When a lease ends; or when a turn that broke is tried again.
    "DROP INDEX hitl_leased",
    "CREATE INDEX hitl_until ON hitl_runs (until) WHERE until IS NOT NULL",
    """CREATE TABLE hitl_workers (name TEXT PRIMARY KEY, seen INTEGER NOT NULL, until INTEGER NOT NULL,
        body TEXT NOT NULL) WITHOUT ROWID""",
)

_V14: Final = (
    # The level of a request, so that what waits is counted by it from the entries of one index. NULL where an older
    # release has opened it.
    "ALTER TABLE hitl_requests ADD COLUMN level INTEGER",
    "DROP INDEX hitl_inbox",
    "CREATE INDEX hitl_inbox ON hitl_requests (key, audience, level) WHERE state = 'open' AND waits = 1",
)

_V15: Final = (
    # What agents have asked people within their minute, where a quota is set.
    """CREATE TABLE hitl_quotas (who TEXT PRIMARY KEY, since INTEGER NOT NULL, asked INTEGER NOT NULL,
        held INTEGER NOT NULL) WITHOUT ROWID""",
)

_V16: Final = (
    # Small records beside the runs: sessions, tokens, links, answers that are held, messages (decision 0070).
    """CREATE TABLE hitl_slips (key INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
        created INTEGER NOT NULL, tenant TEXT NOT NULL, person TEXT NOT NULL, subject TEXT NOT NULL, due INTEGER,
        expires INTEGER, used INTEGER, body INTEGER NOT NULL, UNIQUE (kind, name))""",
    "CREATE INDEX hitl_slips_kind ON hitl_slips (kind, key)",
    "CREATE INDEX hitl_slips_person ON hitl_slips (person, kind, key) WHERE person <> ''",
    "CREATE INDEX hitl_slips_subject ON hitl_slips (subject, kind, key) WHERE subject <> ''",
    "CREATE INDEX hitl_slips_due ON hitl_slips (kind, due, key) WHERE due IS NOT NULL AND used IS NULL",
    "CREATE INDEX hitl_slips_expires ON hitl_slips (expires) WHERE expires IS NOT NULL",
)

_V17: Final = (
    # What waits by how soon it ends and by its level, each in the order of arrival behind that.
    "CREATE INDEX hitl_soonest ON hitl_requests (due, key) WHERE state = 'open' AND waits = 1 AND due IS NOT NULL",
    "CREATE INDEX hitl_by_level ON hitl_requests (level, key) WHERE state = 'open' AND waits = 1",
)

_V18: Final = (
    # The tools that a run was started with besides those of its app.
    "ALTER TABLE hitl_runs ADD COLUMN tools INTEGER",
)

_V19: Final = (
    # What was said in threads, where transcripts are kept: a message has its id once in the thread of a tenant.
    """CREATE TABLE hitl_said (key INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES hitl_runs, thread NOT NULL,
        tenant TEXT NOT NULL, id NOT NULL, body INTEGER NOT NULL, UNIQUE (thread, tenant, id))""",
    "CREATE INDEX hitl_said_thread ON hitl_said (thread, key)",
    "CREATE INDEX hitl_said_run ON hitl_said (run)",
    # The runs of a thread. One that has a thread of its own is found by its id.
    "CREATE INDEX hitl_thread ON hitl_runs (thread) WHERE thread <> id",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    *(_V1, _V2, _V3, _V4, _V5, _V6, _V7, _V8, _V9, _V10, _V11, _V12, _V13, _V14, _V15, _V16, _V17, _V18, _V19),
)
"""Migration N leads from version N to N+1. Released ones are never edited; add one instead."""


def migrate(connection: sqlite3.Connection, location: Location) -> str:
    """Bring a file to the newest version, one transaction per step; returns the store's origin, its lasting name.

    The caller holds the write lock. Raises StoreTooNew (a newer release wrote it) or StoreUnavailable (another
    program's database, or no database).
    """
    try:
        for number in range(_version(connection, location), len(MIGRATIONS)):
            step(connection, number)
        return str(connection.execute("SELECT origin FROM hitl_store").fetchone()[0])
    except (sqlite3.Error, UnicodeDecodeError) as exc:
        raise unavailable(exc, location) from exc


def versions(connection: sqlite3.Connection | None, location: Location) -> Versions:
    """Which schema a file has; without a connection there is no file. Raises as `migrate` does."""
    try:
        return Versions(0 if connection is None else _version(connection, location), len(MIGRATIONS))
    except sqlite3.Error as exc:
        raise unavailable(exc, location) from exc


def step(connection: sqlite3.Connection, number: int) -> None:
    """Carry out one migration: all of it, or nothing if the process dies in it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in MIGRATIONS[number]:
            connection.execute(statement)
        if number == 0:
            connection.execute("INSERT INTO hitl_store (origin) VALUES (?)", (f"hitl-{uuid4()}",))
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _version(connection: sqlite3.Connection, location: Location) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if owner != APPLICATION and (owner or version):
        raise StoreUnavailable(f"the file {location} belongs to another program; give hitl-core a file of its own")
    refuse_moved(connection, location)
    if version > len(MIGRATIONS):
        raise StoreTooNew(
            f"the store {location} has schema {version}, this release knows {len(MIGRATIONS)}; upgrade hitl-core"
        )
    return version
