"""The tables, as numbered migrations; `hitl_store.schema` says which ones a database has seen.

As in SQLite (stores/sqlite/file/schema.py), with what is PostgreSQL's own: ids are bytes, also those that are no UUID
(sql/tables/identity.py); rows that many others share are not referenced, because each reference would lock them.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import psycopg

from ....errors import StoreTooNew, StoreUnfinished
from ...sql.upkeep import Versions
from .location import Location

_KEY: Final = "key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"

_V1: Final = (
    f"""CREATE TABLE hitl_apps ({_KEY}, backend TEXT NOT NULL, app TEXT NOT NULL, version TEXT NOT NULL,
        tenant TEXT NOT NULL, format TEXT NOT NULL)""",
    "CREATE INDEX hitl_apps_app ON hitl_apps (app)",
    # Lists of people may be longer than an entry of an ordinary index.
    f"CREATE TABLE hitl_audiences ({_KEY}, users TEXT NOT NULL, roles TEXT NOT NULL)",
    "CREATE INDEX hitl_audiences_users ON hitl_audiences USING hash (users)",
    f"CREATE TABLE hitl_origins ({_KEY}, tool TEXT NOT NULL, agents TEXT NOT NULL)",
    "CREATE INDEX hitl_origins_tool ON hitl_origins USING hash (tool)",
    f"CREATE TABLE hitl_bodies ({_KEY}, digest BYTEA NOT NULL, data BYTEA NOT NULL)",
    # What is long is packed already.
    "ALTER TABLE hitl_bodies ALTER COLUMN data SET STORAGE EXTERNAL",
    # Wide columns stand first, so that none has to be moved to where its width begins. No row keeps room for its next
    # version: what changes is in an index in any case.
    f"""CREATE TABLE hitl_runs ({_KEY}, created BIGINT NOT NULL, updated BIGINT NOT NULL, fence BIGINT NOT NULL,
        until BIGINT, input BIGINT, checkpoint BIGINT, output BIGINT, tools BIGINT,
        app INTEGER NOT NULL, attempts INTEGER NOT NULL, turns INTEGER NOT NULL, tries INTEGER NOT NULL,
        id BYTEA NOT NULL UNIQUE, state TEXT NOT NULL,
        thread BYTEA NOT NULL, started_by TEXT, owner TEXT, error TEXT, more TEXT)""",
    "CREATE INDEX hitl_until ON hitl_runs (until) WHERE until IS NOT NULL",
    "CREATE INDEX hitl_stopped ON hitl_runs (key) WHERE state = 'stopped'",
    "CREATE INDEX hitl_thread ON hitl_runs (thread) WHERE thread <> id",
    """CREATE INDEX hitl_undos ON hitl_runs ((more::json ->> 'undoes')) WHERE (more::json ->> 'undoes') IS NOT NULL""",
    "CREATE TABLE hitl_woken (app BIGINT NOT NULL, run BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (app, run))",
    f"""CREATE TABLE hitl_requests ({_KEY}, run BIGINT NOT NULL REFERENCES hitl_runs, round BIGINT NOT NULL,
        due BIGINT, body BIGINT NOT NULL, response BIGINT, line BIGINT, frozen_at BIGINT, draft BIGINT,
        born BIGINT NOT NULL DEFAULT pg_current_xact_id()::text::bigint, votes INTEGER NOT NULL,
        audience INTEGER NOT NULL, origin INTEGER NOT NULL, waits SMALLINT NOT NULL, allows SMALLINT, several SMALLINT,
        level SMALLINT, id BYTEA NOT NULL UNIQUE, call TEXT NOT NULL, state TEXT NOT NULL, lapse TEXT, why TEXT,
        room BYTEA, shown BYTEA, UNIQUE (run, call, round))""",
    "CREATE INDEX hitl_inbox ON hitl_requests (key, audience, level) WHERE state = 'open' AND waits = 1",
    "CREATE INDEX hitl_soonest ON hitl_requests (due, key) WHERE state = 'open' AND waits = 1 AND due IS NOT NULL",
    "CREATE INDEX hitl_by_level ON hitl_requests (level, key) WHERE state = 'open' AND waits = 1",
    "CREATE INDEX hitl_notices ON hitl_requests (key, audience) WHERE state = 'open' AND waits = 0",
    # By the transaction that opened them: of what is opened at once, the later key may be committed first.
    "CREATE INDEX hitl_born ON hitl_requests (born) WHERE state = 'open'",
    "CREATE INDEX hitl_due ON hitl_requests (due) WHERE due IS NOT NULL",
    "CREATE INDEX hitl_frozen ON hitl_requests (key) WHERE state = 'frozen'",
    """CREATE TABLE hitl_votes (request BIGINT NOT NULL REFERENCES hitl_requests, responder TEXT NOT NULL,
        body BIGINT NOT NULL, PRIMARY KEY (request, responder))""",
    f"""CREATE TABLE hitl_effects ({_KEY}, run BIGINT NOT NULL REFERENCES hitl_runs, call TEXT NOT NULL,
        state TEXT NOT NULL, mode TEXT NOT NULL, attempts BIGINT NOT NULL, fence BIGINT NOT NULL,
        request BIGINT REFERENCES hitl_requests, action BIGINT NOT NULL, result BIGINT, error TEXT, ended BIGINT,
        granted BIGINT, UNIQUE (run, call))""",
    f"""CREATE TABLE hitl_journal ({_KEY}, run BIGINT NOT NULL REFERENCES hitl_runs, name TEXT NOT NULL,
        body BIGINT NOT NULL, UNIQUE (run, name))""",
    """CREATE TABLE hitl_stops (scope TEXT COLLATE "C" NOT NULL, target TEXT COLLATE "C" NOT NULL,
        reason TEXT NOT NULL, by TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (scope, target))""",
    # By `line` rows refer to a line that may have no number yet; that it is unique lets none be sealed twice.
    """CREATE TABLE hitl_audit (seq BIGINT, at BIGINT NOT NULL, run BIGINT, line BIGINT NOT NULL UNIQUE,
        event TEXT NOT NULL, subject BYTEA NOT NULL, actor TEXT NOT NULL, mac BYTEA NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (seq) WITH (fillfactor = 100))""",  # one sealer puts one behind the other
    "CREATE INDEX hitl_audit_run ON hitl_audit (run) WHERE run IS NOT NULL",
    # Lines as their transactions wrote them; the sealer takes them away in the order of their keys (decision 0041).
    """CREATE TABLE hitl_raw (line BIGINT PRIMARY KEY, key BIGINT GENERATED ALWAYS AS IDENTITY, at BIGINT NOT NULL,
        event TEXT NOT NULL, subject BYTEA NOT NULL, actor TEXT NOT NULL, body TEXT NOT NULL, run BIGINT,
        kept JSONB, mark BYTEA NOT NULL, refused BOOLEAN NOT NULL DEFAULT FALSE)
        WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)""",
    """CREATE VIEW hitl_lines AS SELECT line, at, event, subject, actor, body, run FROM hitl_audit
        UNION ALL SELECT line, at, event, subject, actor, body, run FROM hitl_raw""",
    # Numbers that say nothing of order, by the thousand: above all that were ever given by SQLite or by an IDENTITY.
    "CREATE SEQUENCE hitl_numbers START 1073741824",
    """CREATE TABLE hitl_apart (line BIGINT NOT NULL, place BIGINT NOT NULL, salt BYTEA, value TEXT NOT NULL,
        person TEXT, erased BIGINT, PRIMARY KEY (line, place))""",
    f"""CREATE TABLE hitl_guidance ({_KEY}, id BYTEA NOT NULL UNIQUE, run BIGINT NOT NULL REFERENCES hitl_runs,
        state TEXT NOT NULL, place TEXT, settled BIGINT, body BIGINT NOT NULL)""",
    "CREATE INDEX hitl_guidance_run ON hitl_guidance (run)",
    """CREATE TABLE hitl_past (series BYTEA NOT NULL, key BYTEA NOT NULL, at BIGINT NOT NULL,
        effect BIGINT NOT NULL REFERENCES hitl_effects, amount BIGINT NOT NULL,
        PRIMARY KEY (series, key, at, effect))""",
    """CREATE TABLE hitl_timers (due BIGINT NOT NULL, request BIGINT NOT NULL REFERENCES hitl_requests,
        event TEXT COLLATE "C" NOT NULL, step BIGINT NOT NULL, PRIMARY KEY (due, request, event, step))""",
    "CREATE INDEX hitl_put_off ON hitl_timers (request) WHERE event = 'request.woken'",
    "CREATE TABLE hitl_undone (effect BIGINT PRIMARY KEY, by BIGINT NOT NULL REFERENCES hitl_effects)",
    f"""CREATE TABLE hitl_overrides ({_KEY}, run BIGINT NOT NULL REFERENCES hitl_runs, call TEXT, original BIGINT,
        body BIGINT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL)""",
    "CREATE INDEX hitl_overrides_run ON hitl_overrides (run)",
    """CREATE TABLE hitl_drafts (draft BYTEA NOT NULL, number BIGINT NOT NULL, body BIGINT NOT NULL,
        PRIMARY KEY (draft, number))""",
    f"""CREATE TABLE hitl_grants ({_KEY}, id BYTEA NOT NULL UNIQUE, tool TEXT NOT NULL, tenant TEXT NOT NULL,
        expires BIGINT NOT NULL, times BIGINT, most BIGINT, used BIGINT NOT NULL, spent BIGINT NOT NULL,
        revoked BIGINT, revoked_by TEXT, body BIGINT NOT NULL)""",
    "CREATE INDEX hitl_grants_tool ON hitl_grants (tool, tenant)",
    """CREATE TABLE hitl_grant_uses (grant_key BIGINT NOT NULL REFERENCES hitl_grants,
        effect BIGINT NOT NULL REFERENCES hitl_effects, amount BIGINT NOT NULL, PRIMARY KEY (grant_key, effect))""",
    "CREATE INDEX hitl_grant_uses_effect ON hitl_grant_uses (effect)",
    """CREATE TABLE hitl_assigned (tenant TEXT NOT NULL, person TEXT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (tenant, person))""",
    f"""CREATE TABLE hitl_comments ({_KEY}, id BYTEA NOT NULL UNIQUE,
        request BIGINT NOT NULL REFERENCES hitl_requests, body BIGINT NOT NULL)""",
    "CREATE INDEX hitl_comments_request ON hitl_comments (request)",
    """CREATE TABLE hitl_workers (name TEXT PRIMARY KEY, seen BIGINT NOT NULL, until BIGINT NOT NULL,
        body TEXT NOT NULL)""",
    # What agents have asked people within their minute, where a quota is set.
    """CREATE TABLE hitl_quotas (who TEXT PRIMARY KEY, since BIGINT NOT NULL, asked BIGINT NOT NULL,
        held BIGINT NOT NULL)""",
    # Small records beside the runs: sessions, tokens, links, answers that are held, messages (decision 0070).
    f"""CREATE TABLE hitl_slips ({_KEY}, created BIGINT NOT NULL, due BIGINT, expires BIGINT, used BIGINT,
        body BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL, person TEXT NOT NULL,
        subject TEXT NOT NULL, UNIQUE (kind, name))""",
    "CREATE INDEX hitl_slips_kind ON hitl_slips (kind, key)",
    "CREATE INDEX hitl_slips_person ON hitl_slips (person, kind, key) WHERE person <> ''",
    "CREATE INDEX hitl_slips_subject ON hitl_slips (subject, kind, key) WHERE subject <> ''",
    "CREATE INDEX hitl_slips_due ON hitl_slips (kind, due, key) WHERE due IS NOT NULL AND used IS NULL",
    "CREATE INDEX hitl_slips_expires ON hitl_slips (expires) WHERE expires IS NOT NULL",
    # What was said in threads, where transcripts are kept.
    f"""CREATE TABLE hitl_said ({_KEY}, run BIGINT NOT NULL REFERENCES hitl_runs, body BIGINT NOT NULL,
        thread BYTEA NOT NULL, id BYTEA NOT NULL, tenant TEXT NOT NULL, UNIQUE (thread, tenant, id))""",
    "CREATE INDEX hitl_said_thread ON hitl_said (thread, key)",
    "CREATE INDEX hitl_said_run ON hitl_said (run)",
    # While a row stands here no transaction can be committed: there is no run with the key 0.
    "CREATE TABLE hitl_lent (run BIGINT NOT NULL REFERENCES hitl_runs DEFERRABLE INITIALLY DEFERRED)",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_V1,)
"""Migration N leads from version N to N+1. Released ones are never edited; add one instead."""

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(x'4849544C'::bigint)"
"""`HITL`: two processes that open a new database at the same moment migrate it one after the other."""


def migrate(connection: psycopg.Connection[Any], location: Location) -> str:
    """Bring a database to the newest version, in one transaction; returns the store's origin, its lasting name.

    Raises StoreTooNew or psycopg.Error.
    """
    with connection.transaction():
        connection.execute(_ONE_AT_A_TIME)
        found, newest = versions(connection, location)
        if found == 0:
            connection.execute(_STORE)
            connection.execute("INSERT INTO hitl_store (origin, schema) VALUES (%s, 0)", (f"hitl-{uuid4()}",))
        for statements in MIGRATIONS[found:]:
            for statement in statements:
                connection.execute(statement)
        if found < newest:
            connection.execute("UPDATE hitl_store SET schema = %s", (newest,))
        (origin,) = connection.execute("SELECT origin FROM hitl_store").fetchone() or ("",)
        return str(origin)


def versions(connection: psycopg.Connection[Any], location: Location) -> Versions:
    """Which schema a database has; looking makes nothing. Raises StoreTooNew, StoreUnfinished or psycopg.Error."""
    ours, arriving = connection.execute(_THERE).fetchone() or (None, None)
    if arriving is not None:
        (source,) = connection.execute("SELECT source FROM hitl_arriving").fetchone() or ("",)
        raise StoreUnfinished(f"what {source!r} had is not known to be all in the store {location} yet", source)
    if ours is None:
        return Versions(0, len(MIGRATIONS))
    (found,) = connection.execute("SELECT schema FROM hitl_store").fetchone() or (0,)
    if found > len(MIGRATIONS):
        raise StoreTooNew(
            f"the store {location} has schema {found}, this release knows {len(MIGRATIONS)}; upgrade hitl-core"
        )
    return Versions(int(found), len(MIGRATIONS))


_THERE: Final = "SELECT to_regclass('hitl_store'), to_regclass('hitl_arriving')"

_STORE: Final = """CREATE TABLE hitl_store (origin TEXT NOT NULL, anchor TEXT NOT NULL DEFAULT '',
    schema BIGINT NOT NULL)"""
