"""Every kind of decision: which keys give it, which clicks and words, and what is on record and happens then."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page

from hitl_core.policy import Policy
from hitl_core.protocol import PauseRequest, RunState
from tests.core.shop import ASKS_FOR_EVERYTHING, App, Ledger, policy, rule

from . import stories
from .inbox import Inbox

ANN = policy(rule("people", level="confirm", approvers={"users": ["ann"]}))
LEADS = policy(rule("people", level="human_leads"))
SHARED = policy(rule("together", level="collaborate"))


@dataclass(frozen=True)
class Walk:
    """`keys`: each is a key, or a text that is typed when it begins with "=". `clicks`: what is clicked on, by its
    words, or the label of a field and what goes into it.
    """

    name: str
    type: str
    keys: tuple[str, ...]
    clicks: tuple[tuple[str, ...], ...]
    said: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    effects: tuple[dict[str, Any], ...] = ()
    output: str = ""
    state: RunState = RunState.COMPLETED
    app: Callable[[Ledger], App] = stories.refunds
    policy: Policy = ASKS_FOR_EVERYTHING

    def __str__(self) -> str:
        return self.name


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await (page.keyboard.type(key[1:]) if key.startswith("=") else page.keyboard.press(key))


async def click(page: Page, *clicks: tuple[str, ...]) -> None:
    for words, *typed in clicks:
        if typed:
            await page.get_by_label(words, exact=True).locator("visible=true").fill(typed[0])
        else:
            whole = re.compile(rf"^\s*{re.escape(words)}(\s+\S)?\s*$")  # some name their key
            await page.locator("summary, button, label").filter(has_text=whole, visible=True).click()


async def came_of(served: Inbox, request: PauseRequest, walk: Walk) -> None:
    """AssertionError unless it is on record as it was said, by whom, and it did what it should, once."""
    settled = await served.decided(request)
    assert settled.response is not None
    decision = settled.response.decision.model_dump(mode="json")
    assert decision["type"] == walk.type
    assert {name: decision[name] for name in walk.said} == walk.said
    who = settled.response.responder
    assert (who.id, who.channel, who.authenticated_by) == ("ann", "web", "link")
    assert settled.response.reason == walk.reason
    run = await served.hitl.resume(request.run_id)
    assert run.state is walk.state
    assert walk.output in str(run.output)
    lines = served.shop.ledger.lines()
    assert len(lines) == len(walk.effects)
    assert all(line.items() >= effect.items() for line, effect in zip(lines, walk.effects, strict=True))


REFUND = {"effect": "refund", "order": "A-1042", "amount": 120.5}
WALKS = (
    Walk("approve", "approve", ("a",), (("Approve as shown",),), effects=(REFUND,)),
    Walk(
        "edit with types",
        "edit",
        ("e", "Tab", "ControlOrMeta+a", "=99.25", "Tab", "=only half", "Enter"),
        (("Edit the arguments",), ("amount number", "99.25"), ("Why optional", "only half"), ("Run it like this",)),
        said={"arguments": {"order": "A-1042", "amount": 99.25}},
        reason="only half",
        effects=({**REFUND, "amount": 99.25},),
    ),
    Walk(
        "reject with a reason",
        "reject",
        ("r", "=it is a lamp", "Tab", "Enter"),
        (("Reject…",), ("Why", "it is a lamp"), ("Reject it",)),
        said={"message": "it is a lamp"},
        output="it is a lamp",
    ),
    Walk(
        "answer in its place",
        "answer",
        ("w", "=paid in cash", "Tab", "Enter"),
        (("Answer instead…",), ("Your answer text", "paid in cash"), ("Answer",)),
        said={"value": "paid in cash"},
        output="paid in cash",
    ),
    Walk(
        "answer a question",
        "answer",
        ("w", "=yes, please", "Tab", "Enter"),
        (("Your answer text", "yes, please"), ("Answer",)),
        said={"value": "yes, please"},
        output="yes, please",
        app=stories.asks,
    ),
    Walk(
        "choose by digit",
        "choose",
        ("2",),
        (("courier",),),
        said={"option": "courier"},
        output="courier",
        app=stories.chooses,
    ),
    Walk(
        "accept",
        "accept",
        ("t",),
        (("Accept as it is",),),
        output="accepted",
        effects=({"effect": "letter", "outcome": "accepted", "content": "Dear customer, no."},),
        app=stories.reviews,
    ),
    Walk(
        "revise",
        "revise",
        ("s", "=kinder, please", "Tab", "Enter"),
        (("Send back…",), ("What should change", "kinder, please"), ("Send back",)),
        said={"feedback": "kinder, please"},
        output="kinder, please",
        effects=({"effect": "letter", "outcome": "revise", "feedback": "kinder, please"},),
        app=stories.reviews,
    ),
    Walk(
        "ask back",
        "ask",
        ("?", "=Why so much?", "Tab", "Enter"),
        (("Ask the agent first…",), ("What do you want to know", "Why so much?"), ("Ask",)),
        said={"question": "Why so much?"},
        output="Why so much?",
    ),
    Walk(
        "report",
        "report",
        ("p", "Space", "Tab", "=by hand", "Tab", "=at the bank", "Tab", "Enter"),
        (
            ("Report what you did…",),
            ("It is done",),
            ("What came of it text", "by hand"),
            ("What the agent is to know", "at the bank"),
            ("Report",),
        ),
        said={"outcome": "done", "result": "by hand", "note": "at the bank"},
        output="by hand",
        policy=LEADS,
    ),
    Walk(
        "cancel",
        "cancel",
        ("x", "=a mistake", "Tab", "Space", "Tab", "Enter"),
        (("Cancel the run…",), ("Why", "a mistake"), ("I want to end the run",), ("End the run",)),
        said={"reason": "a mistake"},
        reason="a mistake",
        state=RunState.CANCELLED,
    ),
)
