"""What can name a person or hold their words is known to erasing, column by column."""

from __future__ import annotations

from pathlib import Path

from hitl_core.commands import EraseRun, FinishRun, OverrideOutput, ReopenRun
from hitl_core.protocol import RunState
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.columns import BODIES, columns_of_new, without_a_row
from tests.core.stores.world import World

CHANGED = {
    *("hitl_runs.started_by", "hitl_runs.error", "hitl_runs.more", "hitl_requests.why", "hitl_votes.responder"),
    *("hitl_effects.error", "hitl_overrides.by", "hitl_overrides.reason", "hitl_grants.revoked_by"),
    *("hitl_assigned.person", "hitl_audiences.users", "hitl_apart.value", "hitl_apart.person", "hitl_apart.salt"),
    *("hitl_slips.person", "hitl_slips.subject"),
}
"""What names people and is changed when one is erased."""

IN_THE_WAY = {"hitl_stops.by", "hitl_stops.reason"}
"""What has to end before."""

CHANGED_BODIES = {
    *("hitl_requests.body", "hitl_requests.response", "hitl_votes.body", "hitl_drafts.body", "hitl_guidance.body"),
    *("hitl_comments.body", "hitl_grants.body", "hitl_slips.body", "hitl_said.body"),
    "hitl_runs.input",  # of an undo: why it was wanted
}

OF_THE_RUN = {
    *("hitl_runs.input", "hitl_runs.checkpoint", "hitl_runs.output", "hitl_effects.action", "hitl_effects.result"),
    *("hitl_journal.body", "hitl_overrides.original", "hitl_overrides.body", "hitl_runs.tools"),
}
"""Payloads: they say what a run was about, and go when that is erased."""

SEALED = {"hitl_audit.actor", "hitl_audit.body", "hitl_audit.subject", "hitl_store.anchor", "hitl_audit.event"}
"""Names and texts stand beside it, in `hitl_apart`."""

NAMES_NOBODY = {
    *("hitl_store.origin", "hitl_apps.backend", "hitl_apps.app", "hitl_apps.version", "hitl_apps.tenant"),
    *("hitl_apps.format", "hitl_workers.name", "hitl_workers.body", "hitl_quotas.who"),
    *("hitl_audiences.roles", "hitl_origins.tool", "hitl_origins.agents", "hitl_stops.scope", "hitl_stops.target"),
    *("hitl_runs.id", "hitl_runs.state", "hitl_runs.thread", "hitl_runs.owner"),
    *("hitl_requests.id", "hitl_requests.call", "hitl_requests.state", "hitl_requests.lapse"),
    *("hitl_effects.call", "hitl_effects.state", "hitl_effects.mode", "hitl_journal.name", "hitl_overrides.call"),
    *("hitl_guidance.id", "hitl_guidance.state", "hitl_guidance.place", "hitl_timers.event", "hitl_assigned.tenant"),
    *("hitl_grants.id", "hitl_grants.tool", "hitl_grants.tenant", "hitl_drafts.draft", "hitl_comments.id"),
    *("hitl_slips.kind", "hitl_slips.name", "hitl_slips.tenant"),
    *("hitl_said.thread", "hitl_said.tenant", "hitl_said.id"),
}
"""States, ids, places in a run, and what is configured."""

BYTES = {
    *("hitl_bodies.digest", "hitl_bodies.data", "hitl_audit.mac", "hitl_past.series", "hitl_past.key"),
    *("hitl_requests.room", "hitl_requests.shown"),
}
"""The bodies themselves, and digests."""

NUMBERS = {
    *("allows", "amount", "at", "attempts", "created", "draft", "due", "ended", "erased", "expires", "fence"),
    *("frozen_at", "level", "line", "most", "number", "place", "revoked", "round", "seq", "settled", "several"),
    *("spent", "seen", "since", "asked", "held"),
    *("step", "times", "tries", "turns", "until", "updated", "used", "votes", "waits"),
}
REFERENCES = {
    *("app", "audience", "by", "effect", "grant_key", "granted", "key", "origin", "request", "run"),
}


def test_every_column_is_known_to_erasing_people(tmp_path: Path) -> None:
    """A column that is added has to be thought of: can it name somebody, or hold what they said?"""
    found = columns_of_new(tmp_path / "new.db")
    whole = {name for name, kind in found.items() if kind == "INTEGER"}
    words = CHANGED | IN_THE_WAY | SEALED | NAMES_NOBODY | BYTES
    assert found.keys() - whole == words
    assert {name for name in whole if name.split(".")[1] not in NUMBERS | REFERENCES} == BODIES
    assert BODIES == CHANGED_BODIES | OF_THE_RUN


async def test_an_output_that_was_taken_back_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    world = World(await SqliteStore.open(path))
    claimed = await world.open(input=None)
    for output in ("PRIVATE-1", "PRIVATE-2"):
        await world.store.apply(FinishRun(claimed.lease, RunState.COMPLETED, world.now, output=output))
        claimed = await world.store.apply(ReopenRun(claimed.run.id, "worker-9", 30, "ann", "", world.now))
    await world.store.apply(FinishRun(claimed.lease, RunState.COMPLETED, world.now, output="PRIVATE-3"))
    await world.store.apply(OverrideOutput(claimed.run.id, None, "PRIVATE-4", "ann", "", world.now))
    claimed = await world.store.apply(ReopenRun(claimed.run.id, "worker-9", 30, "ann", "", world.now))
    await world.store.apply(FinishRun(claimed.lease, RunState.COMPLETED, world.now, output="PRIVATE-5"))
    assert without_a_row(path) == 0
    await world.store.apply(EraseRun(claimed.run.id, "dora", "", world.now))
    await world.store.close()
    assert without_a_row(path) == 0
    assert b"PRIVATE" not in path.read_bytes()
