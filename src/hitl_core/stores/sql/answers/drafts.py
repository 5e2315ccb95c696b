"""Shared drafts: a version is added by who saw the one before it, and only the newest can be let run."""

from __future__ import annotations

from typing import Final, NoReturn

from ....commands import AddVersion, Note
from ....errors import DraftMoved, Fault, HitlError, RequestClosed, RequestExpired, RequestNotFound, ResponseRefused
from ....lifecycle import RequestState
from ....protocol import Accept, Approve, AuditEvent, DraftVersion, Edit, Json, Response
from ..commands import is_late
from ..tables import RequestRow, Transaction, drafts, request_by_key, requests

_LETS_RUN: Final = (Approve, Edit, Accept)


def add_version(txn: Transaction, command: AddVersion) -> DraftVersion:
    row = requests.by_id(txn, command.request_id)
    if row is None:
        raise RequestNotFound(f"there is no request {command.request_id!r} in this store")
    request = request_by_key(txn, row.key).request
    versions = drafts.versions(txn, request.draft) if request.draft is not None else ()
    error = _in_the_way(row, versions, command)
    if error is not None:
        _refuse(txn, command, row, error)
    made = DraftVersion(
        draft=versions[-1].draft,
        number=versions[-1].number + 1,
        request_id=request.id,
        by=command.by,
        arguments=command.arguments,
        digest=request.action.edited(command.arguments).digest,
        note=command.note,
        made_at=command.now,
    )
    drafts.keep(txn, made, row.key, row.run)
    return made


def _in_the_way(row: RequestRow, versions: tuple[DraftVersion, ...], command: AddVersion) -> HitlError | None:
    if row.state != RequestState.OPEN:
        return RequestClosed(f"request {row.name!r} is {row.state}; its draft is not changed any more")
    if is_late(row, command.now):
        return RequestExpired(f"the deadline of request {row.name!r} has passed; its draft is not changed any more")
    if not versions:
        return ResponseRefused([Fault("request", f"{row.name!r} has no draft; only level collaborate has one")])
    return _moved(versions[-1], command.base)


def _moved(newest: DraftVersion, base: int | None) -> DraftMoved | None:
    """Why a step from version `base` is not one from what stands now."""
    if newest.number == base:
        return None
    who = "the agent" if newest.by is None else repr(newest.by.id)
    seen = "the agent's own version" if base is None else f"version {base}"
    return DraftMoved([Fault("version", f"{who} has made version {newest.number} since; this is about {seen}")])


def _refuse(txn: Transaction, command: AddVersion, row: RequestRow, error: HitlError) -> NoReturn:
    body: dict[str, Json] = {"code": error.code, "base": command.base}
    note = Note(AuditEvent.REQUEST_REFUSED, row.name, command.by.id, body)
    txn.refuse(error, note, command.now, run=row.run)


def outdated(txn: Transaction, row: RequestRow, response: Response) -> HitlError | None:
    """Why a decision does not let the newest version of a draft run; None for what lets nothing run."""
    decision = response.decision
    if row.draft is None or not isinstance(decision, _LETS_RUN):
        return None
    request = request_by_key(txn, row.key).request
    assert request.draft is not None
    newest = drafts.versions(txn, request.draft)[-1]
    if not isinstance(decision, Accept) or decision.version is None:
        return None if newest.by is None else _moved(newest, None)
    if decision.version != newest.number:
        return _moved(newest, decision.version)
    accepted = request.action.edited(decision.arguments or {}).digest
    if accepted == newest.digest:
        return None
    return DraftMoved([Fault("arguments", f"are not those of version {newest.number}; show the draft again")])
