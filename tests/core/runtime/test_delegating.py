"""P24, P52: a request that is given on, and one that is decided for somebody who is away."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from hitl_core.commands import ListRequests, RecordResponse
from hitl_core.errors import AlreadyDecided, NotAuthorised, RequestClosed, ResponseRefused
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Arguments, PauseRequest, RunState
from hitl_core.runtime import Runtime
from tests.core.shop import Shop, decide, one_refund, only, policy, rule, trail

ANN = rule("ann", level="confirm", approvers={"users": ["ann"]})
EVE = rule("eve", level="confirm", approvers={"users": ["eve"]})
LEAD = rule("lead", level="confirm", approvers={"roles": ["lead"]})
TWO = rule("two", level="confirm", approvers={"users": ["ann", "bob"], "quorum": 2})
STAGES = rule("stages", level="confirm", approvers={"stages": [{"users": ["ann"]}, {"users": ["ann", "bob"]}]})


async def inbox_of(hitl: Runtime, role: str) -> list[str]:
    page = await hitl.store.fetch(ListRequests(roles=(role,)))
    return [each.request.id for each in page.items]


# ── giving on ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_p52_whoever_it_is_given_to_decides_and_the_action_is_the_same(shop: Shop) -> None:
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        request = only(run)
        said = await hitl.respond(request.delegate("bob", by="ann", reason="knows the customer"))
        assert (said.settled.state, said.settled.request) == (RequestState.OPEN, request)
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
        with pytest.raises(NotAuthorised, match="it was given on to 'bob'"):
            await hitl.respond(request.approve(by="ann"))
        with pytest.raises(NotAuthorised):
            await hitl.respond(request.reject(by="ann"))
        (line,) = await trail(hitl, "request.delegated")
        assert (line.actor, '"to":"bob"' in line.body, request.digest in line.body) == ("ann", True, True)
        await decide(hitl, run, "approve", by="bob")
    assert shop.ledger.count() == 1
    assert (await shop.verified()).findings == ()


async def test_whoever_it_is_given_to_refuses_it_alone(shop: Shop) -> None:
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).delegate("bob", by="ann"))
        await decide(hitl, run, "reject", "not this one", by="bob")
    assert shop.ledger.count() == 0


async def test_p24_of_a_role_the_others_are_asked_besides(shop: Shop) -> None:
    shop.policy = policy(LEAD)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        for last in ("zoe", "mia"):
            run = await hitl.start(None)
            await hitl.respond(only(run).delegate("zoe", by="ann", roles=("lead",)))
            with pytest.raises(NotAuthorised):
                await hitl.respond(only(run).approve(by="ann", roles=("lead",)))
            with pytest.raises(NotAuthorised):
                await hitl.respond(only(run).approve(by="carl"))
            await decide(hitl, run, "approve", by=last, roles=("lead",) if last == "mia" else ())
    assert shop.ledger.count() == 2


async def test_where_anybody_was_asked_one_person_is_then(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert await inbox_of(hitl, "clerk") == [only(run).id]
        await hitl.respond(only(run).delegate("bob", by="ann"))
        assert await inbox_of(hitl, "clerk") == []
        with pytest.raises(NotAuthorised, match="it needs user bob"):
            await hitl.respond(only(run).approve(by="carl"))
        await decide(hitl, run, "approve", by="bob")
    assert shop.ledger.count() == 1


@pytest.mark.parametrize(("now", "paid"), [(ANN, 1), (EVE, 0)], ids=["the same", "others"])
async def test_the_policy_of_now_knows_who_it_was_given_to(shop: Shop, now: str, paid: int) -> None:
    """Judged once more where the call begins: who decided in somebody's place counts as they would have."""
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).delegate("bob", by="ann"))
        await hitl.respond(only(run).edit({"order": "A-1042", "amount": 1.5}, by="bob"))
        shop.policy = policy(now, version="2")
        run = await hitl.resume(run.id)
        assert [each.approvers.users for each in run.pending] == ([] if paid else [("eve",)])
    assert [line["amount"] for line in shop.ledger.lines()] == [1.5] * paid


async def test_votes_stay_and_each_stage_asks_in_their_place(shop: Shop) -> None:
    shop.policy = policy(STAGES)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).delegate("zoe", by="ann"))
        await hitl.respond(only(run).approve(by="zoe"))
        with pytest.raises(ResponseRefused, match="'zoe' has voted on this request"):
            await hitl.respond(only(run).delegate("kim", by="zoe"))
        with pytest.raises(NotAuthorised):
            await hitl.respond(only(run).approve(by="ann"))
        await decide(hitl, run, "approve", by="bob")
    assert shop.ledger.count() == 1


async def test_an_edit_drops_votes_and_not_who_gave_it_on(shop: Shop) -> None:
    shop.policy = policy(TWO)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).delegate("zoe", by="ann"))
        await hitl.respond(only(run).approve(by="bob"))
        less: Arguments = {"order": "A-1042", "amount": 9.5}
        said = await hitl.respond(only(run).edit(less, by="zoe"))
        assert [each.responder.id for each in said.settled.votes] == ["ann", "zoe"]
        await decide(hitl, run, "edit", less, by="bob")
    assert [line["amount"] for line in shop.ledger.lines()] == [9.5]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("ann", "is who answers"),
        ("starter", "started this run"),
        ("bob", "is asked already"),
    ],
)
async def test_to_whom_it_is_not_given(shop: Shop, to: str, why: str) -> None:
    shop.policy = policy(TWO)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None, by="starter")
        with pytest.raises(ResponseRefused, match=why):
            await hitl.respond(only(run).delegate(to, by="ann"))
        assert await trail(hitl, "request.delegated") == []
        assert len(await trail(hitl, "request.refused")) == 1


async def test_it_does_not_go_round_in_circles(shop: Shop) -> None:
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        request = only(run)
        await hitl.respond(request.delegate("bob", by="ann"))
        assert (await hitl.respond(request.delegate("bob", by="ann"))).replayed is True
        with pytest.raises(ResponseRefused, match="round in circles"):
            await hitl.respond(request.delegate("ann", by="bob"))
        await hitl.respond(request.delegate("carl", by="bob"))
        with pytest.raises(NotAuthorised):
            await hitl.respond(request.approve(by="bob"))
        await decide(hitl, run, "approve", by="carl")
    assert shop.ledger.count() == 1


async def test_who_is_asked_is_judged_again_where_it_is_recorded(shop: Shop) -> None:
    """What was judged before a request was given on has no effect after it."""
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        await hitl.respond(request.delegate("bob", by="ann"))
        late = [request.approve(by="ann"), request.reject(by="ann"), request.delegate("carl", by="ann")]
        for each in late:
            with pytest.raises(NotAuthorised):
                await hitl.store.apply(RecordResponse(each, shop.clock.now()))
        with pytest.raises(ResponseRefused, match="round in circles"):
            await hitl.store.apply(RecordResponse(request.delegate("ann", by="bob"), shop.clock.now()))
        assert (await hitl.request(request.id)).state is RequestState.OPEN
        assert len(await trail(hitl, "request.refused")) == 4


async def test_two_who_give_it_on_and_approve_at_once(shop: Shop) -> None:
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        for _ in range(5):
            request = only(await hitl.start(None))
            both = (hitl.respond(request.delegate("bob", by="ann")), hitl.respond(request.approve(by="ann")))
            given, approved = await asyncio.gather(*both, return_exceptions=True)
            assert isinstance(given, AlreadyDecided | RequestClosed) != isinstance(approved, NotAuthorised)


async def test_an_escalation_goes_on(shop: Shop) -> None:
    boss = [{"after": "1h", "users": ["boss"], "instead": True}]
    shop.policy = policy(rule("ann", level="confirm", approvers={"users": ["ann"]}, escalate=boss))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).delegate("bob", by="ann"))
        shop.clock.advance(3600)
        await hitl.tick()
        with pytest.raises(NotAuthorised):
            await hitl.respond(only(run).approve(by="bob"))
        await decide(hitl, run, "approve", by="boss")
    assert shop.ledger.count() == 1


class Told:
    name = "told"

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def announce(self, request: PauseRequest) -> None:
        self.requests.append(request.id)


async def test_whoever_is_asked_now_is_told(shop: Shop) -> None:
    told = Told()
    async with shop.open(one_refund(shop.ledger), channels=[told]) as hitl:
        request = only(await hitl.start(None))
        await hitl.respond(request.delegate("bob", by="ann"))
    assert told.requests == [request.id, request.id]


# ── away ─────────────────────────────────────────────────────────────────────────────────────────────────────

STAFF = """
[people.ann]
roles = ["lead"]
delegate = "bob"
away = [{{ from = {start}, until = {until} }}]
[people.bob]
[people.carl]
roles = ["lead"]
[people.eve]
tenant = "elsewhere"
"""


def staff(shop: Shop, *, start: int = 0, until: int = 60) -> None:
    """Ann is away from one minute after now to another."""
    now = shop.clock.now()
    times = {"start": now + timedelta(minutes=start), "until": now + timedelta(minutes=until)}
    shop.people(STAFF.format(**{key: value.isoformat() for key, value in times.items()}))


@pytest.mark.parametrize("rules", [ANN, LEAD], ids=["user", "role"])
async def test_p24_while_somebody_is_away_their_delegate_decides_for_them(shop: Shop, rules: str) -> None:
    staff(shop)
    shop.policy = policy(rules)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        said = await hitl.respond(only(run).approve(by="bob"))
        assert said.settled.response is not None
        acting = said.settled.response.responder.acting_for
        assert acting is not None
        assert acting.id == "ann"
        (line,) = await trail(hitl, "request.decided")
        assert '"acting_for":"ann"' in line.body
        await hitl.resume(run.id)
    assert shop.ledger.count() == 1


@pytest.mark.parametrize(("start", "until"), [(-60, 0), (1, 60)])
async def test_p24_before_and_after_they_do_not(shop: Shop, start: int, until: int) -> None:
    staff(shop, start=start, until=until)
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(NotAuthorised):
            await hitl.respond(only(run).approve(by="bob"))
        shop.clock.advance(3600 if start == 1 else 0)
        await decide(hitl, run, "approve", by="ann")
    assert shop.ledger.count() == 1


async def test_p24_nobody_approves_their_own_run_through_their_delegate(shop: Shop) -> None:
    staff(shop)
    shop.policy = policy(LEAD)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None, by="ann")
        with pytest.raises(NotAuthorised, match="started this run"):
            await hitl.respond(only(run).approve(by="bob"))
        with pytest.raises(NotAuthorised, match="'mallory' is not in the directory"):
            await hitl.respond(only(run).delegate("mallory", by="carl"))
        with pytest.raises(NotAuthorised, match="'eve' is of tenant 'elsewhere'"):
            await hitl.respond(only(run).delegate("eve", by="carl"))
        await decide(hitl, run, "approve", by="carl")
    assert shop.ledger.count() == 1


async def test_p24_one_voice_counts_once(shop: Shop) -> None:
    staff(shop)
    shop.policy = policy(rule("two", level="confirm", approvers={"roles": ["lead"], "quorum": 2}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="bob"))
        with pytest.raises(AlreadyDecided):
            await hitl.respond(only(run).approve(by="ann"))
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
        await decide(hitl, run, "approve", by="carl")
    assert shop.ledger.count() == 1


async def test_who_stands_in_gives_it_on(shop: Shop) -> None:
    staff(shop)
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).delegate("carl", by="bob"))
        for by in ("ann", "bob"):
            with pytest.raises(NotAuthorised):
                await hitl.respond(only(run).approve(by=by))
        await decide(hitl, run, "approve", by="carl")
    assert shop.ledger.count() == 1
