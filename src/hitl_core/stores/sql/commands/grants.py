"""Standing grants: given, revoked, and used. A use is counted where the effect begins, by compare-and-set."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, NoReturn

from ....commands import BeginEffect, GiveGrant, ListGrants, Note, RevokeGrant
from ....errors import GrantNotFound, GrantRefused
from ....policy import amount_of, reasons_against
from ....protocol import AuditEvent, Grant, Json, micros, sha256
from ..tables import GRANT, UNIT, RunRow, Transaction, View, bodies, column, grant_record
from .runs import find

_INSERT: Final = """INSERT INTO hitl_grants (id, tool, tenant, expires, times, most, used, spent, body)
    VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)"""


def give_grant(txn: Transaction, command: GiveGrant) -> Grant:
    grant, allows = command.grant, command.grant.allows
    run = None if allows.run_id is None else find(txn, allows.run_id).key
    body = bodies.pack_text(grant.to_json(), what="grant", limit=bodies.REQUEST_LIMIT)
    most = None if allows.most is None else _units(Decimal(repr(allows.most)))
    limits = (micros(grant.expires_at), allows.times, most)
    txn.execute(_INSERT, (column(grant.id), allows.tool, grant.tenant, *limits, bodies.put(txn, body)))
    note: dict[str, Json] = {
        "tool": allows.tool,
        "tenant": grant.tenant,
        "expires": grant.expires_at.isoformat(),
        "grant": sha256(grant.to_json().encode()),
        "channel": grant.by.channel,
        "authenticated_by": grant.by.authenticated_by,
    }
    txn.note(AuditEvent.GRANT_GIVEN, grant.id, grant.by.id, command.now, note, run=run)
    return grant


def revoke_grant(txn: Transaction, command: RevokeGrant) -> Grant:
    sql = "UPDATE hitl_grants SET revoked = ?, revoked_by = ? WHERE id = ? AND revoked IS NULL"
    moved = txn.execute(sql, (micros(command.now), command.by, column(command.grant_id)))
    if moved.rowcount:
        body: dict[str, Json] = {"reason": command.reason, "authenticated_by": command.authenticated_by}
        txn.note(AuditEvent.GRANT_REVOKED, command.grant_id, command.by, command.now, body)
    found = txn.one(f"{GRANT} WHERE g.id = ?", column(command.grant_id))
    if found is None:
        raise GrantNotFound(f"there is no grant {command.grant_id!r} in this store")
    return grant_record(found)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

_USES: Final = """SELECT u.grant_key, u.amount FROM hitl_grant_uses u JOIN hitl_effects e ON e.key = u.effect
    JOIN hitl_runs r ON r.key = e.run WHERE r.id = ? AND e.call = ?"""


def list_grants(view: View, query: ListGrants) -> tuple[Grant, ...]:
    own: dict[int, int] = {}
    if query.run_id is not None:
        own = dict(view.execute(_USES, (column(query.run_id), query.call)).fetchall())
    given: dict[str, Any] = {name: value for name in ("tool", "tenant") if (value := getattr(query, name)) is not None}
    given |= {} if query.id is None else {"id": column(query.id)}
    where = " AND ".join(("TRUE", *(f"g.{name} = ?" for name in given)))
    rows = view.execute(f"{GRANT} WHERE {where} ORDER BY g.key DESC LIMIT ?", (*given.values(), query.limit)).fetchall()
    return tuple(grant_record(row, used=row[0] in own, spent=own.get(row[0], 0)) for row in rows)


# ── using ────────────────────────────────────────────────────────────────────────────────────────────────────

_OWN: Final = "SELECT amount FROM hitl_grant_uses WHERE grant_key = ? AND effect = ?"

_TAKE: Final = """UPDATE hitl_grants SET used = used + 1, spent = spent + ? WHERE key = ? AND revoked IS NULL
    AND expires > ? AND (times IS NULL OR used < times) AND (most IS NULL OR spent + ? <= most)"""


def permit(txn: Transaction, command: BeginEffect, run: RunRow, effect: int) -> int | None:
    """Take a use of the grant that lets an action begin, if it names one; returns the grant's key.

    Of a call that begins again under the same grant, `effect` (0 if nothing has begun there), the use was counted
    before. Raises GrantRefused, which is recorded.
    """
    if command.grant_id is None:
        return None
    found = txn.one(f"{GRANT} WHERE g.id = ?", column(command.grant_id))
    if found is None:
        _refuse(txn, command, run, "there is no such grant")
    own = txn.one(_OWN, found[0], effect)
    grant = grant_record(found, used=own is not None, spent=0 if own is None else own[0])
    against = reasons_against(grant, command.action, run=run.name, tenant=run.tenant, now=command.now)
    why = "; ".join(against) or ("" if own is not None else _take(txn, command, found[0], grant))
    if why:
        _refuse(txn, command, run, why)
    return int(found[0])


def _take(txn: Transaction, command: BeginEffect, key: int, grant: Grant) -> str:
    """Count a use, for good; why not, if the row says that there is none left."""
    amount = _units(amount_of(grant.allows, command.action))
    taken = txn.execute(_TAKE, (amount, key, micros(command.now), amount)).rowcount
    return "" if taken == 1 else "it is used up, over or revoked"


def note_use(txn: Transaction, command: BeginEffect, run: RunRow, grant: int, effect: int) -> None:
    """Record under which grant an action has begun."""
    assert command.grant_id is not None
    found = txn.one(f"{GRANT} WHERE g.key = ?", grant)
    assert found is not None
    amount = _units(amount_of(grant_record(found).allows, command.action))
    sql = "INSERT INTO hitl_grant_uses (grant_key, effect, amount) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    if txn.execute(sql, (grant, effect, amount)).rowcount:
        body: dict[str, Json] = {"call": command.call, "tool": command.action.tool, "digest": command.action.digest}
        txn.note(AuditEvent.GRANT_USED, command.grant_id, command.lease.owner, command.now, body, run=run.key)


def _refuse(txn: Transaction, command: BeginEffect, run: RunRow, why: str) -> NoReturn:
    """Raises GrantRefused, and records it; whatever the command wrote is undone."""
    error = GrantRefused(
        f"the call {command.call!r} did not run: grant {command.grant_id!r} does not let it run now: {why}; resume the "
        "run, and it is decided on anew"
    )
    body: dict[str, Json] = {"call": command.call, "tool": command.action.tool, "digest": command.action.digest}
    body |= {"grant": command.grant_id, "code": error.code, "why": why}
    txn.refuse(error, Note(AuditEvent.ACTION_REFUSED, run.name, command.lease.owner, body), command.now, run=run.key)


def _units(amount: Decimal) -> int:
    return int((amount * UNIT).to_integral_value(ROUND_CEILING))
