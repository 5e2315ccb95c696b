"""Scenarios 42 to 45 and 50: who may do what to which request, and what counts as a person's word.

Links, cookies and pages are the web inbox's. Here is what they will stand on: an answer is bound to what it answers,
knowing an id permits nothing, reading changes nothing, signatures are of a key, and an agent never answers itself.
"""

from __future__ import annotations

import http.client
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from hitl_adapters.plain import gate
from hitl_core.audit.anchor import Anchor
from hitl_core.commands import StopScope
from hitl_core.errors import HitlError, NotAuthorised, RequestExpired, ResponseRefused
from hitl_core.lifecycle import RequestState
from hitl_core.observing.endpoint import Endpoint, Page
from hitl_core.people import Act, Authority
from hitl_core.protocol import Approvers, AuditEvent, PauseRequest, Run, RunState
from hitl_core.runtime import Runtime
from tests.core.shop import one_refund, only, policy, rule, trail
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.desk import Desk
from tests.faults.installed import Installed
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario

LEAD = rule("lead", level="confirm", approvers={"roles": ["lead"]})

# ── an answer is bound to what it answers ────────────────────────────────────────────────────────────────────


@scenario(42)
async def test_an_answer_that_is_forged_late_or_of_another_request_counts_nowhere(place: Place) -> None:
    """Fails without the comparison of digests (checks.py, and decisions.py, `_must_be_shown`: one is enough here), the
    deadline, or the audience."""
    desk = Desk(place, policy=policy(LEAD))
    desk.people('[people.ann]\nroles = ["lead"]\n[people.bob]\nroles = ["clerk"]\n')
    async with desk.open(one_refund(desk.ledger)) as hitl:
        first, second = only(await hitl.start({"order": "A-1"})), only(await hitl.start({"order": "A-2"}))
        good = first.approve(by="ann")
        flipped = good.digest[:-1] + ("0" if good.digest[-1] != "0" else "1")
        forged = {
            "of another request": good.model_copy(update={"request_id": second.id}),
            "a flipped bit": good.model_copy(update={"digest": flipped}),
            "no request": good.model_copy(update={"request_id": first.run_id}),
            "another audience": first.approve(by="bob", roles=("lead",)),
            "a stranger": first.approve(by="mallory", roles=("lead",)),
        }
        for response in forged.values():
            with pytest.raises(ResponseRefused):
                await hitl.respond(response)
        refused = await trail(hitl, AuditEvent.REQUEST_REFUSED)
        assert len(refused) == len(forged) - 1, "of a request that there is none, nothing can be said but that"
        assert {(await hitl.request(each.id)).state for each in (first, second)} == {RequestState.OPEN}
        await hitl.respond(good)
        assert (await hitl.resume(first.run_id)).state is RunState.COMPLETED
    assert [line["order"] for line in desk.ledger.lines()] == ["A-1"]


@scenario(42)
async def test_an_answer_after_the_deadline_counts_nowhere(place: Place) -> None:
    store = await place.store()
    world = World(store)
    _, (request,) = await world.paused(deadline=world.now + timedelta(seconds=60))
    world.later(61)
    with pytest.raises(RequestExpired):
        await world.answer(request.approve(by="ann"))
    assert AuditEvent.REQUEST_REFUSED in await world.events()
    await store.close()


@scenario(42)
def test_no_signature_that_is_made_up_is_taken() -> None:
    """Of anchors, which are signed and lie in the open. Fails if a part of them is left out of the signed text."""
    secret, other = os.urandom(32), os.urandom(32)
    anchor = Anchor("hitl-1", 12, os.urandom(32), 1_795_000_000_000_000)
    line = anchor.line(secret)
    taken, signature = Anchor.parse(line)
    assert taken.is_signed(signature, secret)
    assert not taken.is_signed(signature, other)
    for _ in range(many(5_000, full=100_000)):
        at = random.randrange(len(line))
        changed = line[:at] + random.choice("0123456789abcdef ") + line[at + 1 :]
        with suppress(ValueError):
            made, signed = Anchor.parse(changed)
            assert made == anchor or not made.is_signed(signed, secret), changed
            assert changed.split() == line.split() or not made.is_signed(signed, secret), changed


@scenario(43)
@pytest.mark.processes
async def test_looking_again_and_again_changes_nothing_and_a_second_answer_is_told_who_won(place: Place) -> None:
    """As a mail scanner does that opens what it finds. Fails if reading writes, or if the loser is not told."""
    installed = Installed.at(place)
    (run,) = await installed.paused()
    async with installed.open() as hitl:
        request = only(run)
        before = len(await trail(hitl))
        for _ in range(10):
            await hitl.request(request.id)
            await hitl.inbox()
        assert installed.hitl("show", request.id).returncode == 0
        assert len(await trail(hitl)) == before
        response = request.approve(by="ann")
        await hitl.respond(response)
        assert (await hitl.respond(response)).replayed
        with pytest.raises(ResponseRefused, match="'ann' was first"):
            await hitl.respond(request.reject("no", by="bob"))
    again = installed.hitl("respond", request.id, "reject", "--as", "bob")
    assert again.returncode != 0
    assert "'ann' was first" in " ".join((again.stdout + again.stderr).split())
    assert faults(await left(place)) == []


HOSTILE = {"Origin": "https://evil.example", "Host": "rebound.example", "Content-Type": "text/plain"}


@scenario(44)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_what_there_is_over_http_takes_nothing_from_a_page_of_somebody_else(method: str) -> None:
    """The endpoint of a worker shows and changes nothing. Fails if it answers another method than GET."""
    asked: list[object] = []

    def page(headers: Any) -> Page:
        asked.append(headers)
        return Page(b"{}", "application/json")

    with Endpoint("127.0.0.1", 0, {"/metrics": page, "/respond": page}) as endpoint:
        for path in ("/metrics", "/respond"):
            connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
            connection.request(method, path, b'{"decision": "approve"}', HOSTILE)
            answer = connection.getresponse()
            assert answer.status >= 400
            assert answer.getheader("Access-Control-Allow-Origin") is None
            connection.close()
    assert asked == []


# ── an agent ─────────────────────────────────────────────────────────────────────────────────────────────────


@scenario(45)
@pytest.mark.parametrize("known", [False, True], ids=["nobody is known", "a directory"])
async def test_an_agent_that_answers_itself_is_refused_and_that_is_recorded(place: Place, known: bool) -> None:
    """From inside the run that waits, as the one for whom it runs. Fails if who has started a run may approve in it."""
    desk = Desk(place, policy=policy(LEAD) if known else policy(rule("asks", level="confirm")))
    if known:
        desk.people('[people.ann]\nroles = ["lead"]\n')
    refusals: list[HitlError] = []
    refund = one_refund(desk.ledger)

    async def answers_itself(input: Any) -> Any:
        async with desk.open(None) as inside:
            for settled in (await inside.inbox()).items:
                for made in (settled.request.approve, settled.request.edit):
                    arguments = () if made == settled.request.approve else ({"order": "A-1", "amount": 1.0},)
                    try:
                        await inside.respond(made(*arguments, by="agent-7", roles=("lead",)))
                    except ResponseRefused as exc:
                        refusals.append(exc)
        return await refund(input)

    async with desk.open(answers_itself) as hitl:
        run = await hitl.start({"order": "A-1"}, by="agent-7")
        for _ in range(2):
            await hitl.start({"order": "A-2"}, by="agent-7")
        assert (await hitl.run(run.id)).state is RunState.PAUSED
        assert len(refusals) >= 2
        assert {type(each) for each in refusals} == {NotAuthorised}
        lines = await trail(hitl, AuditEvent.REQUEST_REFUSED)
        assert [line.actor for line in lines] == ["agent-7"] * len(refusals)
        assert desk.ledger.count() == 0
        await hitl.respond(only(await hitl.run(run.id)).approve(by="ann"))
    assert desk.ledger.count() == 0


@scenario(45)
@pytest.mark.parametrize("by", ["desk-agent", "helper"], ids=["who asks", "whom it asks for"])
async def test_an_agents_own_name_is_no_persons(place: Place, by: str) -> None:
    """Whoever has started the run. Fails without the comparison with the action's origin (checks.py, `_strangers`)."""
    desk = Desk(place)

    @gate.guard
    async def refund(order: str) -> str:
        desk.ledger.write("refund")
        return "paid"

    async def app(input: Any) -> Any:
        with gate.acting_as("helper"), gate.acting_as("desk-agent"):
            return await refund("A-1")

    async with desk.open(app) as hitl:
        request = only(await hitl.start(None, by="carol"))
        with pytest.raises(NotAuthorised, match="never decides its own request"):
            await hitl.respond(request.approve(by=by))
        (refused,) = await trail(hitl, AuditEvent.REQUEST_REFUSED)
        assert refused.actor == by
        assert (await hitl.request(request.id)).state is RequestState.OPEN
        await hitl.respond(request.approve(by="ann"))
        assert (await hitl.resume(request.run_id)).state is RunState.COMPLETED
    assert desk.ledger.count() == 1


# ── everybody, everything, in every way ──────────────────────────────────────────────────────────────────────

STAFF = """
[people.lead]
roles = ["lead"]
[people.clerk]
roles = ["clerk"]
[people.elsewhere]
roles = ["lead"]
tenant = "elsewhere"
[people.everywhere]
roles = ["lead"]
tenant = "*"
"""
PEOPLE = ("lead", "clerk", "elsewhere", "everywhere", "stranger")
TENANTS = ("default", "elsewhere")
OF_TENANT = {"lead": {"default"}, "clerk": {"default"}, "elsewhere": {"elsewhere"}, "everywhere": set(TENANTS)}

Doing = Callable[[Runtime, Run, PauseRequest, str], Awaitable[object]]


class Way(NamedTuple):
    """Something that is done to a request or its run, and whether it needs the role or only the tenant."""

    do: Doing
    needs_role: bool = True


async def _sees(hitl: Runtime, run: Run, request: PauseRequest, by: str) -> None:
    """Being in the inbox is being seen."""
    found = {each.request.id for each in (await hitl.inbox(by=by, limit=1_000)).items}
    if request.id not in found:
        raise NotAuthorised([])


WAYS = {
    "see it": Way(lambda hitl, run, request, by: hitl.request(request.id, by=by), needs_role=False),
    "find it in the inbox": Way(_sees),
    "approve": Way(lambda hitl, run, request, by: hitl.respond(request.approve(by=by, roles=("lead",)))),
    "reject": Way(lambda hitl, run, request, by: hitl.respond(request.reject("no", by=by, roles=("lead",)))),
    "put off": Way(
        lambda hitl, run, request, by: hitl.defer(request.id, until=hitl.clock.now() + timedelta(days=1), by=by)
    ),
    "comment": Way(lambda hitl, run, request, by: hitl.comment(request.id, "fine", by=by), needs_role=False),
    "cancel": Way(lambda hitl, run, request, by: hitl.cancel(run.id, by=by)),
    "rewind": Way(lambda hitl, run, request, by: hitl.rewind(run.id, by=by)),
    "undo": Way(lambda hitl, run, request, by: hitl.undo(run.id, by=by)),
    "revoke": Way(lambda hitl, run, request, by: hitl.revoke(request.id, by=by)),
    "override": Way(lambda hitl, run, request, by: hitl.override(run.id, "done", by=by, reason="by hand")),
    "erase": Way(lambda hitl, run, request, by: hitl.erase(run.id, by=by, reason="gone")),
    "stop": Way(lambda hitl, run, request, by: hitl.stop(StopScope.RUN, run.id, by=by, reason="too fast")),
    "lift": Way(lambda hitl, run, request, by: hitl.lift(StopScope.RUN, run.id, by=by, reason="fine")),
}


def permitted(by: str, tenant: str, way: Way) -> bool:
    return tenant in OF_TENANT.get(by, ()) and (by != "clerk" or not way.needs_role)


@scenario(50)
@pytest.mark.parametrize("way", WAYS)
async def test_only_the_permitted_cells_work(place: Place, way: str) -> None:
    """An id is known to everybody here. Fails if one act forgets to ask who does it, or of which tenant they are."""
    desk = Desk(place)
    desk.people(STAFF)
    desk.authority = Authority(dict.fromkeys(Act, ("lead",)), lift_by_another=False)
    wrong = []
    async with desk.open(None) as hitl:
        world = World(hitl.store, desk.clock.now())
        for tenant in TENANTS:
            for by in PEOPLE:
                claimed = await world.open(tenant=tenant)
                request = world.request(claimed, approvers=Approvers(roles=("lead",)))
                run = await world.pause(claimed, request)
                worked = await _works(WAYS[way].do(hitl, run, request, by))
                if worked is not permitted(by, tenant, WAYS[way]):
                    wrong.append((by, tenant, worked))
                if not worked:
                    assert await world.state(request) is RequestState.OPEN
                    assert await world.run_state(run) is RunState.PAUSED
    assert wrong == []


async def _works(doing: Awaitable[object]) -> bool:
    """Whether it was not refused for who does it; what cannot be done to this run is another matter."""
    try:
        await doing
    except PermissionError:
        return False
    except HitlError:
        return True
    return True
