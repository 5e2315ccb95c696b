"""The inbox as a whole screen: each key decides what it says, once, and never while something is typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static, TextArea

from hitl_adapters.plain import gate
from hitl_core.cli.inbox import InboxApp
from hitl_core.cli.inbox.asking import Asking
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Reply, Responder, Run, RunState
from hitl_core.runtime import Runtime
from tests.core.shop import Shop, one_refund, only, policy, rule

ANN = Responder(id="ann", channel="cli")
LONG = 3600.0
"""Seconds for which an answer is held where a test is about that."""


class Screen:
    """What a person sees and presses."""

    def __init__(self, app: InboxApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settled()

    async def type(self, text: str) -> None:
        """Into the field that has the focus, in the place of what is there."""
        field = self.app.focused
        assert isinstance(field, Input | TextArea)
        if isinstance(field, Input):
            field.value = text
        else:
            field.text = text
        await self.pilot.pause()

    async def settled(self) -> None:
        """All that was pressed has had its effect."""
        at_work = [each for each in self.app.workers if each.name != "follow"]
        if at_work:  # of none it would wait for all
            await self.app.workers.wait_for_complete(at_work)
        await self.pilot.pause()

    def says(self, where: str) -> str:
        return str(self.app.query_one(where, Static).render())

    @property
    def waiting(self) -> list[str | None]:
        return [option.id for option in self.app.query_one("#queue", OptionList).options]

    def asks(self) -> bool:
        return isinstance(self.app.screen, Asking)


@asynccontextmanager
async def watching(hitl: Runtime, *, who: Responder = ANN, undo: float = 0.0) -> AsyncIterator[Screen]:
    """The screen over a runtime; it looks again when a test says so, and after each of its own answers."""
    news: asyncio.Queue[None] = asyncio.Queue()
    app = InboxApp(hitl, who, changed=news.get, undo=undo)
    async with app.run_test(size=(140, 50)) as pilot:
        screen = Screen(app, pilot)
        screen.news = news  # type: ignore[attr-defined]  # what a test puts in is heard
        await screen.settled()
        yield screen


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def state_of(hitl: Runtime, run: Run) -> RequestState:
    return (await hitl.request(only(run).id)).state


async def until(screen: Screen, fits: Callable[[], bool]) -> None:
    """Let timers of no seconds come round."""
    for _ in range(1_000):
        await screen.pilot.pause()
        if fits():
            return
    raise AssertionError(screen.says("#status"))


async def test_it_shows_what_will_happen_and_why(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            assert screen.waiting == [only(run).id]
            assert "1 waiting" in screen.app.sub_title
            assert screen.app.query_one("#queue", OptionList).highlighted == 0


async def test_one_key_approves_once(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await screen.press("a")
            await until(screen, lambda: screen.waiting == [])
            assert await state_of(hitl, run) is RequestState.DECIDED
            await screen.press("a", "r")  # nothing is left for these
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
        decided = (await hitl.request(only(run).id)).response
        assert decided is not None
        assert (decided.responder.id, decided.responder.channel) == ("ann", "cli")
    assert shop.ledger.count() == 1


async def test_a_slip_is_taken_back(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl, undo=LONG) as screen:
            await screen.press("a")
            assert "u undoes it" in screen.says("#status")
            await screen.press("r")  # held: no other answer
            assert not screen.asks()
            await screen.press("u")
            assert "nothing was decided" in screen.says("#status")
            await screen.press("q")
        assert await state_of(hitl, run) is RequestState.OPEN
    assert shop.ledger.count() == 0


async def test_whoever_leaves_has_meant_it(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl, undo=LONG) as screen:
            await screen.press("a", "q")
        assert await state_of(hitl, run) is RequestState.DECIDED


async def test_a_reason_is_typed_and_no_key_decides_meanwhile(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await screen.press("r")
            assert screen.asks()
            await screen.press("a", "space", "b", "a", "d")
            field = screen.app.focused
            assert isinstance(field, Input)
            assert field.value == "a bad"
            assert await state_of(hitl, run) is RequestState.OPEN
            await screen.press("escape")
            assert not screen.asks()
            assert await state_of(hitl, run) is RequestState.OPEN
            await screen.press("r")
            await screen.type("Too much.")
            await screen.press("enter")
            await until(screen, lambda: screen.waiting == [])
        assert "Too much." in str((await hitl.resume(run.id)).output)
    assert shop.ledger.count() == 0


async def test_an_edit_keeps_types_and_shows_its_faults(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await screen.press("e")
            amount = screen.app.screen.query_one("#field-1", Input)
            amount.value = "much"
            await screen.press("ctrl+s")
            assert screen.asks()
            assert "number" in str(screen.app.screen.query_one("#fault-1", Static).render())
            amount.value = "20.25"
            await screen.press("ctrl+s")
            await until(screen, lambda: screen.waiting == [])
        await hitl.resume(run.id)
    (paid,) = shop.ledger.lines("refund")
    assert (paid["order"], paid["amount"]) == ("A-1042", 20.25)


async def test_options_have_digits(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.choose("Which one?", ["red", "blue"])

    async with shop.open(app) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await screen.press("3", "a")  # there are two, and nothing to approve
            assert await state_of(hitl, run) is RequestState.OPEN
            await screen.press("2")
            await until(screen, lambda: screen.waiting == [])
        assert (await hitl.resume(run.id)).output == "blue"


async def test_a_question_is_answered_in_words(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.ask("What is the order?")

    async with shop.open(app) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await screen.press("w")
            await screen.type("A-7, I think")
            await screen.press("enter")
            await until(screen, lambda: screen.waiting == [])
        assert (await hitl.resume(run.id)).output == "A-7, I think"


async def test_whoever_is_later_is_told_who_was_first(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await hitl.respond(only(run).reject(by="ben"))
            await screen.press("a")
            await until(screen, lambda: "not taken" in screen.says("#status"))
            assert "ben" in screen.says("#status")
        await hitl.resume(run.id)
    assert shop.ledger.count() == 0


async def test_what_others_do_is_seen_and_the_choice_stays(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        runs = [await hitl.start({}) for _ in range(3)]
        first, second, third = (only(run).id for run in runs)
        async with watching(hitl) as screen:
            assert screen.waiting == [first, second, third]
            await screen.press("j")
            await hitl.respond(only(runs[0]).approve(by="ben"))
            screen.news.put_nowait(None)  # type: ignore[attr-defined]
            await until(screen, lambda: screen.waiting == [second, third])
            await screen.press("a")
            await until(screen, lambda: screen.waiting == [third])
        decided = (await hitl.request(second)).response
        assert decided is not None
        assert decided.responder.id == "ann"


async def test_who_may_not_decide_is_told_and_nothing_is_held(shop: Shop) -> None:
    shop.policy = policy(rule("lead", level="confirm", approvers={"roles": ["lead"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await screen.press("a")
            assert "lead" in screen.says("#status")
            assert await state_of(hitl, run) is RequestState.OPEN


async def test_put_off_and_commented(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({})
        async with watching(hitl) as screen:
            await screen.press("c")
            await screen.type("I have called them.")
            await screen.press("enter")
            assert [each.text for each in await hitl.comments(only(run).id)] == ["I have called them."]
            await screen.press("z")
            await screen.type("soon")
            await screen.press("enter")
            assert screen.asks()
            await screen.type("2h")
            await screen.press("enter")
            await until(screen, lambda: screen.waiting == [])
        assert await state_of(hitl, run) is RequestState.OPEN


async def test_text_from_outside_stays_text(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.ask("[bold]Which[/bold] [@click=app.quit]\u202eone\x1b[2J?")

    async with shop.open(app) as hitl:
        await hitl.start({})
        async with watching(hitl) as screen:
            prompt = str(screen.app.query_one("#queue", OptionList).get_option_at_index(0).prompt)
            assert "[bold]Which[/bold]" in prompt
            assert "\\u202e" in prompt
            assert "\x1b" not in prompt


def test_the_web_inbox_has_the_same_keys() -> None:
    import re

    import hitl_core.server.pages
    from hitl_core.cli.inbox.replies import KEYS

    page = Path(hitl_core.server.pages.__file__).parent / "templates" / "decide.html"
    if not page.exists():
        pytest.fail("the page on which people decide is elsewhere now")
    text = page.read_text(encoding="utf-8")
    shown = set(re.findall(r"<kbd>(\S)</kbd>", text)) | set(re.findall(r'panel\([^)]*, "(\S)"', text))
    assert set(KEYS.values()) <= shown
    assert set(Reply) - KEYS.keys() == {Reply.CHOOSE}
