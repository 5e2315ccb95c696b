"""A day at the desk, with every page that people see and something on each; pictures of them are kept."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, FloatRect, Page

from hitl_adapters.plain import Refused, gate
from hitl_core.channels.messages import Link, Route, mint
from hitl_core.commands import SlipKind, StopScope, UseSlip, hashed
from hitl_core.protocol import Allowance
from tests.core.shop import App, Ledger, only, policy, refund_tool, rule

from . import stories
from .inbox import Inbox, serving

RULES: Final = policy(
    rule("large", when={"argument": "amount", "above": 1000}, level="confirm", approvers={"quorum": 2}, deadline="2h"),
    rule("shared", match={"tool": "letter"}, level="collaborate"),
    rule("by-hand", match={"tool": "transfer"}, level="human_leads"),
    rule("small", when={"argument": "amount", "at_most": 1000}, level="confirm", deadline="40m"),
    rule("notes", match={"tool": "jot"}, level="confirm", batch=True),
    version="sha256:14c67aea395400a25d0cbeb0f1681d5d598bfcdd9ea12ecbbf3cf96c05663c28",  # what files have by themselves
)
SHOWN: Final = Path(os.environ.get("HITL_SCREENSHOTS") or Path(__file__).parents[2] / ".nox/browser/screenshots")


async def _rub_out(receipt: Any, arguments: Any) -> None:
    """What takes a note back."""


def day(ledger: Ledger) -> App:
    """An agent that does what it is given, by a word."""
    refund = refund_tool(ledger, preview=stories.shown, reversible=False)
    talk, hostile = stories.talks(ledger), stories.hostile(ledger)

    @gate.guard(title="Write to the customer")
    async def letter(to: str, subject: str, text: str) -> str:
        ledger.write("letter", to=to, subject=subject, text=text)
        return "sent"

    @gate.guard(title="Transfer money by hand")
    async def transfer(to: str, amount: float) -> str:
        ledger.write("transfer", to=to, amount=amount)
        return "transferred"

    @gate.guard(title="Note something on the order", reversible=True, undo=_rub_out)
    async def jot(order: str, text: str, urgent: bool = False, tags: list[str] | None = None) -> str:
        ledger.write("jot", order=order, text=text)
        return "noted"

    asked: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
        "pay": lambda given: refund(given.get("order", "A-1042"), given.get("amount", 120.5)),
        "write": lambda given: letter("mira@example.com", "Your refund", "Dear Mira,\n\nwe are sorry.\n\nThe desk"),
        "transfer": lambda given: transfer("Mira Osei", 4_800.0),
        "jot": lambda given: jot("A-1042", given.get("text", "Called twice."), False, ["phone"]),
        "ask": lambda given: gate.ask("May Mira keep the lamp?"),
        "choose": lambda given: gate.choose("Who picks it up?", ["post", "courier", "nobody"]),
        "review": lambda given: gate.review("Dear customer, no.", title="The letter to the customer"),
        "talk": lambda given: talk({}),
        "hostile": lambda given: hostile(stories.HOSTILE),
    }

    async def app(input: Any) -> Any:
        with gate.acting_as("desk-agent"), gate.saying("The customer has sent the lamp back twice."):
            try:
                return await asked[input["do"]](input)
            except Refused as exc:
                return f"refused: {exc}"

    return app


@asynccontextmanager
async def at_work(browser: Browser, folder: Path) -> AsyncIterator[tuple[Inbox, dict[str, str]]]:
    """The inbox in the middle of a day, and where its pages are, by their names."""
    async with serving(browser, folder, day, policy=RULES, undo=60) as served:
        asked = {do: await served.ask({"do": do}, by="customer-7") for do in WAITING}
        large = await served.ask({"do": "pay", "amount": 2_400.0, "order": "A-2001"}, by="customer-9")
        done = await served.ask({"do": "pay", "amount": 20.0}, by="customer-3")
        hitl = served.hitl
        await hitl.respond(done.approve(by="bea", reason="It came back."))
        await hitl.resume(done.run_id)
        refused = await served.ask({"do": "jot", "text": "Never again."})
        await hitl.respond(refused.reject("That is no note", by="bea"))
        await hitl.resume(refused.run_id)
        await hitl.respond(large.approve(by="bea"))
        await hitl.comment(large.id, "I know them.", by="bea")
        await hitl.change_draft(
            asked["write"].id, {**asked["write"].action.arguments, "subject": "Your money"}, base=1, by="bea"
        )
        await hitl.grant(Allowance(tool="export", times=20), by="bea", lasts=timedelta(hours=4), reason="Many today.")
        await hitl.stop(StopScope.TOOL, "export", by="bea", reason="It sends too much.")
        spoken = await served.ask({"do": "talk"}, by="customer-4")
        await hitl.respond(spoken.take_over("It is on its way.", heard=["Hello?", "Is anybody there?"], by="ann"))
        talking = only(await hitl.resume(spoken.run_id))
        await hitl.comment(asked["pay"].id, "Bring it up with Bea first; she has spoken to them this morning.", by="cy")
        places = {f"request-{do}": f"/requests/{request.id}" for do, request in asked.items()}
        places |= {"request-talk": f"/requests/{talking.id}", "request-spoken": f"/requests/{spoken.id}"}
        places |= {"request-two-needed": f"/requests/{large.id}", "request-decided": f"/requests/{done.id}"}
        runs = {"run-done": f"/runs/{done.run_id}", "run-paused": f"/runs/{large.run_id}"}
        runs["audit"] = f"/audit?run={done.run_id}"
        runs["run-cancel"] = f"/runs/{large.run_id}/cancel"
        yield served, {**OTHERS, **places, **runs}


async def links(served: Inbox) -> dict[str, str]:
    """A link of a message in each way that one can stand, for who has not signed in; and one for who has."""
    asked, decided = await served.ask(), await served.ask({"order": "A-7"})
    await served.hitl.respond(decided.reject("It was sold as seen", by="bea"))
    now, to = datetime.now(UTC), Link("ann", asked.id, asked.digest, MAIL.name)
    standing = {
        "link-valid": to,
        "link-used": to,
        "link-stale": replace(to, digest="sha256:" + "0" * 64),
        "link-decided": replace(to, request_id=decided.id, digest=decided.digest),
        "link-of-another": replace(to, person="bea"),
    }
    made = {
        name: await mint(served.site.store, link, tenant="default", ends=now + timedelta(hours=1), now=now)
        for name, link in standing.items()
    }
    await served.site.store.apply(UseSlip(SlipKind.LINK, hashed(made["link-used"]), now))
    return {name: f"/l/{secret}" for name, secret in {**made, "link-expired": "long-gone"}.items()}


MAIL: Final = Route("mail", "apprise", "mailto://127.0.0.1?to={address}")
HIGHEST: Final = 6_000
WAITING: Final = ("pay", "write", "transfer", "jot", "ask", "choose", "review", "hostile")
OTHERS: Final = {
    "queue": "/",
    "queue-by-tool": "/?group=tool",
    "queue-nothing": "/?q=nothing-is-like-this",
    "queue-later": "/?show=later",
    "runs": "/runs",
    "stops": "/stops",
    "stops-of-a-tool": "/stops?scope=tool&target=refund",
    "audit-verify": "/audit/verify",
    "policy": "/policy",
    "grants": "/grants",
    "tokens": "/tokens",
    "not-there": "/requests/unknown",
}


async def keep(page: Page, name: str, look: str) -> None:
    """Its picture, for people to look at, but of what is endless only the beginning."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    width, height = await page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
    shown = FloatRect(x=0, y=0, width=width, height=min(height, HIGHEST))
    await page.screenshot(path=SHOWN / f"{name}.{look}.png", full_page=True, clip=shown)
