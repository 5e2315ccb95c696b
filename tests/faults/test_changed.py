"""Scenarios 39 to 41 and 47: something changes between the approval and the run: the graph, the policy, who may decide,
the tool, the arguments. What was approved runs as it was shown, or nothing does.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import BeginEffect, ListEffects
from hitl_core.errors import DigestMismatch, NotAuthorised, NotCanonical
from hitl_core.protocol import Action, AuditEvent, EffectMode, RunState, parse
from hitl_core.stores.sql.tables import bodies
from tests.core.shop import one_refund, only, policy, rule, trail
from tests.core.stores.world import REFUND, World
from tests.faults import graph_lives
from tests.faults.desk import Desk
from tests.faults.hand import change, found
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario
from tests.langgraph import graphs
from tests.langgraph.desk import LEDGER, reject

# ── the graph ────────────────────────────────────────────────────────────────────────────────────────────────


@scenario(39)
@pytest.mark.parametrize(
    ("before", "later"),
    [(graphs.in_a_node, graphs.renamed), (graphs.two_at_once, graphs.one_of_two_renamed)],
    ids=["in a node", "two at once"],
)
async def test_a_node_that_is_gone_is_named_and_no_other_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch, before: Any, later: Any
) -> None:
    """LangGraph itself drops the pause and goes on. Fails if the graph is resumed without looking for its place."""
    monkeypatch.setenv(LEDGER, str(place.folder / "ledger.jsonl"))
    at = graph_lives.desk(place.told, f"{before.__module__}:{before.__name__}")
    run = await at.start({"order": "A"})
    await at.say(*map(reject, run.pending))
    happened = at.effects
    at.app = later
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.FAILED, happened)
    assert "HITL-A07" in run.error
    at.app = before
    run = await at.resume(run)
    assert (run.state, "paid" in at.effects) == (RunState.COMPLETED, False)


@scenario(39)
async def test_a_function_without_the_place_is_named_and_nothing_runs(place: Place) -> None:
    desk = Desk(place)

    async def changed(input: Any) -> str:
        return "done without a refund"

    async with desk.open(one_refund(desk.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    async with desk.open(changed) as hitl:
        run = await hitl.resume(run.id)
    assert (run.state, desk.ledger.count()) == (RunState.FAILED, 0)
    assert run.error.startswith("HITL-A07")


# ── the policy, and who may decide ───────────────────────────────────────────────────────────────────────────

STRICTER = [
    rule("never", effect="deny"),
    rule("boss", level="confirm", approvers={"roles": ["boss"]}),
    rule("two", level="confirm", approvers={"quorum": 2}),
    rule("led", level="human_leads"),
]
LAXER = [rule("free", level="autonomous", allow_irreversible="now it is"), rule("same", level="confirm")]


@scenario(40)
@pytest.mark.parametrize("now", [*STRICTER, *LAXER], ids=["deny", "boss", "two", "led", "free", "same"])
async def test_the_stricter_policy_counts_when_it_begins(place: Place, now: str) -> None:
    """Fails if what was decided is not looked at again by the policy in force (gate.py, `_settled`)."""
    desk = Desk(place)
    async with desk.open(one_refund(desk.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        desk.policy = policy(now, version="2")
        run = await hitl.resume(run.id)
        ran = now in LAXER
        assert desk.ledger.count() == int(ran)
        assert (run.state is RunState.PAUSED) is (not ran and "deny" not in now)
        recorded = {json.loads(each.body).get("version") for each in await trail(hitl, AuditEvent.REQUEST_OPENED)}
    assert recorded == ({"1"} if ran or "deny" in now else {"1", "2"})


@scenario(40)
async def test_whoever_lost_the_role_meanwhile_does_not_decide(place: Place) -> None:
    """Fails if roles are taken from the answer instead of the directory (identity.py, `known`)."""
    desk = Desk(place, policy=policy(rule("lead", level="confirm", approvers={"roles": ["lead"]})))
    desk.people('[people.ann]\nroles = ["lead"]\n[people.carla]\nroles = ["lead"]\n')
    async with desk.open(one_refund(desk.ledger)) as hitl:
        run = await hitl.start(None)
        desk.people('[people.ann]\nroles = ["clerk"]\n[people.carla]\nroles = ["lead"]\n')
    async with desk.open(one_refund(desk.ledger)) as hitl:
        with pytest.raises(NotAuthorised, match="role lead"):
            await hitl.respond(only(run).approve(by="ann", roles=("lead",)))
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
        assert desk.ledger.count() == 0
        await hitl.respond(only(run).approve(by="carla"))
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert desk.ledger.count() == 1


# ── the tool, and the arguments ──────────────────────────────────────────────────────────────────────────────


@scenario(41)
async def test_a_tool_that_is_another_one_after_the_approval_is_asked_about_again(place: Place) -> None:
    """Fails if the digest leaves out the definition of the tool (action.py, `digest`)."""
    desk = Desk(place)

    @gate.guard
    async def refund(order: str, amount: float, to: str = "the last one who asked") -> str:
        """Pay money to anybody."""
        desk.ledger.write("refund")
        return "paid"

    async def redefined(input: Any) -> Any:
        return await refund("A-1042", 120.5)

    async with desk.open(one_refund(desk.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    async with desk.open(redefined) as hitl:
        again = await hitl.resume(run.id)
        assert (again.state, only(again).round, desk.ledger.count()) == (RunState.PAUSED, 1, 0)
        assert only(again).digest != only(run).digest


OTHERS: list[Any] = [
    {"order": "A-1042", "amount": 120.50001},
    {"order": "A-1042 ", "amount": 120.5},
    {"order": "A-1042", "amount": "120.5"},
    {"order": "\u0041-1042\u200b", "amount": 120.5},
    {"order": "A-1042", "amount": 120.5, "to": None},
    {"order": "A-1042"},
]


@scenario(47)
@pytest.mark.parametrize("arguments", OTHERS, ids=ascii)
async def test_other_arguments_than_those_that_were_approved_do_not_begin(place: Place, arguments: Any) -> None:
    """Fails without the comparison of digests in `begin_effect` (permission.py, `_allowed`)."""
    store = await place.store()
    world = World(store)
    lease, request = await world.approved()
    with pytest.raises(DigestMismatch):
        await world.begin(lease, request.call, Action(tool="refund", arguments=arguments), request_id=request.id)
    assert await store.fetch(ListEffects(request.run_id)) == ()
    assert AuditEvent.ACTION_REFUSED in await world.events()
    await world.begin(lease, request.call, REFUND, request_id=request.id)
    await store.close()


@scenario(47)
async def test_a_request_that_is_changed_in_the_database_lets_nothing_else_begin(place: Place) -> None:
    """Its digest of storage is made to fit. Fails if what is stored is not held against what the person saw."""
    store = await place.store()
    world = World(store)
    lease, request = await world.approved()
    query = "SELECT key, data FROM hitl_bodies WHERE key = (SELECT body FROM hitl_requests)"
    ((key, data),) = found(place, query)
    text = bodies.unpack(bytes(data)).decode().replace("120.5", "9999.0")
    body = bodies.pack_text(text, what="request", limit=bodies.REQUEST_LIMIT)
    change(place, "UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = ?", given=(*body, key))
    more = Action(tool="refund", arguments={"order": "A-1042", "amount": 9999.0})
    with pytest.raises(DigestMismatch, match="was changed outside of hitl-core"):
        await store.apply(BeginEffect(lease, request.call, more, EffectMode.LEDGER, world.now, request_id=request.id))
    assert await store.fetch(ListEffects(request.run_id)) == ()
    await store.close()


SPELLINGS = [
    ('{"a": 1, "a": 2}', None),
    ('{"a": NaN}', None),
    ('{"a": 1e999}', None),
    ('{"a": 9007199254740993}', None),
    ('{"a": "\\ud800"}', None),
    ('{"a": 1e0}', '{"a": 1}'),
    ('{"a": -0.0}', '{"a": 0}'),
    ('{"b": 1, "a": 2}', '{"a": 2, "b": 1}'),
]
"""JSON text, and another that means the same; None where readers would disagree, so that it is refused."""


@scenario(47)
@pytest.mark.parametrize(("text", "same"), SPELLINGS, ids=ascii)
def test_equal_looking_json_has_one_digest_or_none(text: str, same: str | None) -> None:
    if same is None:
        with pytest.raises(NotCanonical):
            _ = digest(text)
        return
    assert digest(text) == digest(same)


@scenario(47)
def test_json_that_differs_in_one_place_has_another_digest() -> None:
    """NFC against NFD, text against a number, true against 1; and values at random."""
    assert digest('{"a": "\u00e9"}') != digest('{"a": "e\u0301"}')
    assert digest('{"a": 1}') != digest('{"a": "1"}') != digest('{"a": true}')
    seen = {digest(json.dumps({"a": random.random(), "b": [number]})) for number in range(many(1_000, full=100_000))}
    assert len(seen) == many(1_000, full=100_000)


def digest(text: str) -> str:
    arguments = parse(text)
    assert isinstance(arguments, dict)
    return Action(tool="t", arguments=arguments).digest
