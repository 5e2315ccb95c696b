"""The store suite, on the stores that there are; and stores that do not do their part are caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import (
    AddVersion,
    BeginEffect,
    ClaimRuns,
    DropSlips,
    ErasedPerson,
    ErasePerson,
    EraseRun,
    FireTimers,
    GetRequest,
    GetRun,
    GetSlip,
    KeepSaid,
    LiftStop,
    ListGuidance,
    ListProposed,
    ListRuns,
    ListSaid,
    ListSlips,
    ListVersions,
    MoveRequest,
    PutSlip,
    Recorded,
    RecordResponse,
    ReleaseRun,
    RenewLease,
    TakeGuidance,
    TakeSlips,
    UseSlip,
)
from hitl_core.contracts import Store
from hitl_core.errors import AlreadyDecided, HitlError, PersonNotErasable
from hitl_core.lifecycle import IllegalMove, RequestState
from hitl_core.protocol import Delegate, RunState
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.around import StoreAround
from hitl_core.testing.clock import START
from hitl_core.testing.conformance.stores import STORE_BEHAVIOURS, StoreWorld, store_behaviour, try_store


async def sqlite(folder: Path) -> Store:
    return await SqliteStore.open(folder / "store.db")


@pytest.mark.parametrize("name", STORE_BEHAVIOURS)
def test_sqlite(name: str) -> None:
    (result,) = try_store("sqlite", sqlite, only=(name,)).results
    assert result.outcome.good, result.because


class TakesEveryAnswer(StoreAround):
    async def apply(self, command: Any) -> Any:
        try:
            return await self.inner.apply(command)
        except AlreadyDecided:
            assert isinstance(command, RecordResponse)
            return Recorded(None, "ready")  # type: ignore[arg-type]


class NeverFires(StoreAround):
    async def apply(self, command: Any) -> Any:
        return () if isinstance(command, FireTimers) else await self.inner.apply(command)


class ForgetsTheApproval(StoreAround):
    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect):
            command = replace(command, request_id=None)
        return await self.inner.apply(command)


class BeginsWhatIsOpen(StoreAround):
    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect) and command.request_id:
            settled = await self.inner.fetch(GetRequest(command.request_id))
            command = replace(command, request_id=None) if settled.state is RequestState.OPEN else command
        return await self.inner.apply(command)


class RevokesWhatWasUsed(StoreAround):
    async def apply(self, command: Any) -> Any:
        try:
            return await self.inner.apply(command)
        except IllegalMove:
            assert isinstance(command, MoveRequest)


class KeepsEveryLease(StoreAround):
    async def apply(self, command: Any) -> Any:
        try:
            return await self.inner.apply(command)
        except HitlError:
            if isinstance(command, RenewLease):
                return command.lease
            raise


class FindsGuidanceEverywhere(StoreAround):
    async def apply(self, command: Any) -> Any:
        taken = await self.inner.apply(command)
        return await self.fetch(ListGuidance(command.lease.run_id)) if isinstance(command, TakeGuidance) else taken


class AsksOnWhoGaveItOn(StoreAround):
    async def apply(self, command: Any) -> Any:
        if isinstance(command, RecordResponse) and isinstance(command.response.decision, Delegate):
            return Recorded(await self.fetch(GetRequest(command.response.request_id)), RunState.PAUSED)
        return await self.inner.apply(command)


class LiftsForAnybody(StoreAround):
    async def apply(self, command: Any) -> Any:
        command = replace(command, by_another=False) if isinstance(command, LiftStop) else command
        return await self.inner.apply(command)


class ForgetsWhereItWas(StoreAround):
    async def fetch(self, query: Any) -> Any:
        found = await self.inner.fetch(query)
        return replace(found, cursor=None) if isinstance(query, ListProposed) else found


class ErasesBitByBit(StoreAround):
    """Where a person cannot be erased, it erases what it can: one run after the other."""

    async def apply(self, command: Any) -> Any:
        try:
            return await self.inner.apply(command)
        except PersonNotErasable:
            for run in (await self.fetch(ListRuns())).items:
                if run.state.over:
                    await self.apply(EraseRun(run.id, command.by, command.reason, command.now))
            raise


class ErasesInNameOnly(StoreAround):
    async def apply(self, command: Any) -> Any:
        if isinstance(command, EraseRun):
            return await self.fetch(GetRun(command.run_id))
        return ErasedPerson("x", 1, 1, 0) if isinstance(command, ErasePerson) else await self.inner.apply(command)


class TakesWhateverIsOlder(StoreAround):
    async def apply(self, command: Any) -> Any:
        if isinstance(command, AddVersion):
            asked = await self.fetch(GetRequest(command.request_id))
            command = replace(command, base=len(await self.fetch(ListVersions(asked.request.draft or ""))))
        return await self.inner.apply(command)


class HearsEverythingTwice(StoreAround):
    """What is said again is a message of its own."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, KeepSaid):
            twice = tuple(each.model_copy(update={"id": f"{each.id} {each.text}"}) for each in command.said)
            command = replace(command, said=twice)
        return await self.inner.apply(command)


class TellsWhatOthersSaid(StoreAround):
    async def fetch(self, query: Any) -> Any:
        return await self.inner.fetch(replace(query, tenant=None) if isinstance(query, ListSaid) else query)


class ListsAllRuns(StoreAround):
    async def fetch(self, query: Any) -> Any:
        return await self.inner.fetch(replace(query, thread=None) if isinstance(query, ListRuns) else query)


class TriesForEver(StoreAround):
    async def apply(self, command: Any) -> Any:
        return await self.inner.apply(replace(command, tries=0) if isinstance(command, ClaimRuns) else command)


class TakesAnyVersion(StoreAround):
    async def apply(self, command: Any) -> Any:
        if isinstance(command, ClaimRuns):
            command = replace(command, versions=(), formats=())
        return await self.inner.apply(command)


class GivesAnythingBack(StoreAround):
    async def apply(self, command: Any) -> Any:
        if not isinstance(command, ReleaseRun):
            return await self.inner.apply(command)
        await self.inner.apply(RenewLease(command.lease, 0.0, command.now))
        return ()


class UsesAgain(StoreAround):
    async def apply(self, command: Any) -> Any:
        used = await self.inner.apply(command)
        if isinstance(command, UseSlip) and used is None:
            return await self.fetch(GetSlip(command.kind, command.key, command.now))
        return used


class CountsForEver(StoreAround):
    async def fetch(self, query: Any) -> Any:
        return await self.inner.fetch(replace(query, now=START) if isinstance(query, GetSlip) else query)


class PutsWhatIsThere(StoreAround):
    async def apply(self, command: Any) -> Any:
        if isinstance(command, PutSlip):
            await self.inner.apply(DropSlips(command.slip.kind, command.now, key=command.slip.key))
        return await self.inner.apply(command)


class LeavesWhatIsTaken(StoreAround):
    async def apply(self, command: Any) -> Any:
        if not isinstance(command, TakeSlips):
            return await self.inner.apply(command)
        page = await self.fetch(ListSlips(command.kind, command.now))
        return tuple(each for each in page.items if each.due is not None and each.due <= command.now)[: command.limit]


class LosesWhatIsTaken(StoreAround):
    async def apply(self, command: Any) -> Any:
        taken = await self.inner.apply(command)
        for each in taken if isinstance(command, TakeSlips) else ():
            await self.inner.apply(DropSlips(each.kind, command.now, key=each.key))
        return taken


class TakesBackWhatIsGiven(StoreAround):
    async def apply(self, command: Any) -> Any:
        return await self.inner.apply(replace(command, due=None) if isinstance(command, UseSlip) else command)


class DropsAll(StoreAround):
    async def apply(self, command: Any) -> Any:
        dropped = await self.inner.apply(command)
        if isinstance(command, DropSlips):
            for each in (await self.fetch(ListSlips(command.kind, command.now))).items:
                await self.inner.apply(DropSlips(command.kind, command.now, key=each.key))
        return dropped


@pytest.mark.parametrize(
    ("broken", "caught"),
    [
        (UsesAgain, "what_counts_once_is_used_by_one"),
        (CountsForEver, "what_has_expired_counts_for_nothing"),
        (PutsWhatIsThere, "what_was_put_first_stays"),
        (LeavesWhatIsTaken, "what_is_due_is_taken_by_one"),
        (LosesWhatIsTaken, "what_its_taker_left_comes_up_again"),
        (TakesBackWhatIsGiven, "what_was_taken_is_not_taken_back"),
        (DropsAll, "slips_are_listed_whole_and_dropped_as_named"),
        (TriesForEver, "a_run_that_ends_its_workers_is_left_to_people"),
        (TakesAnyVersion, "a_worker_takes_versions_that_it_can_load"),
        (GivesAnythingBack, "in_the_middle_of_an_action_nothing_is_given_back"),
        (TakesEveryAnswer, "each_request_is_won_once"),
        (NeverFires, "a_deadline_fires_once_whoever_looks"),
        (ForgetsTheApproval, "an_approval_is_for_exactly_this_action"),
        (BeginsWhatIsOpen, "what_is_open_or_rejected_does_not_begin"),
        (RevokesWhatWasUsed, "a_revoked_approval_does_not_begin"),
        (KeepsEveryLease, "who_lost_the_lease_writes_nothing"),
        (NeverFires, "what_is_put_off_comes_back_once"),
        (AsksOnWhoGaveItOn, "what_is_given_on_is_asked_of_somebody_else"),
        (LiftsForAnybody, "another_person_lifts_a_stop"),
        (TakesWhateverIsOlder, "who_was_later_changes_and_takes_nothing"),
        (ForgetsWhereItWas, "what_agents_wanted_is_listed_once_and_in_order"),
        (ErasesBitByBit, "a_person_is_erased_wholly_or_not_at_all"),
        (ErasesInNameOnly, "a_person_becomes_one_pseudonym_for_everybody"),
        (HearsEverythingTwice, "a_thread_has_each_message_once_and_in_order"),
        (TellsWhatOthersSaid, "a_thread_of_one_tenant_is_no_other_tenants"),
        (ListsAllRuns, "the_runs_of_a_thread_are_found_by_it"),
        (ErasesInNameOnly, "what_was_said_is_erased_with_its_run"),
        (ErasesInNameOnly, "with_a_run_the_names_of_its_lines_are_erased"),
        (FindsGuidanceEverywhere, "guidance_enters_at_one_place"),
    ],
)
def test_a_store_that_does_not_do_its_part_is_caught(broken: type[StoreAround], caught: str) -> None:
    async def opened(folder: Path) -> Store:
        return broken(await sqlite(folder))

    (result,) = try_store("broken", opened, only=(caught,)).results
    assert not result.outcome.good
    assert result.because


def test_a_slip_of_an_author_is_refused() -> None:
    async def nameless(world: StoreWorld) -> None: ...

    with pytest.raises(ValueError, match="needs a known promise"):
        store_behaviour("P02")(nameless)
