"""Scenario 46: texts that lie to whoever reads them. At the terminal the facts stand as they are, hidden letters are
written out, look-alikes are named, and what the agent says stands below the facts, as what it is.

The golden texts in `golden/` are what a person sees; `HITL_GOLDEN=write` writes them anew, to be read before they are
committed.
"""

from __future__ import annotations

import os
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hitl_core.channels.plain_text import visible
from hitl_core.cli.terminal.render import request_panel
from hitl_core.gate.lookalikes import in_arguments, in_prose
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Action,
    Approvers,
    Arguments,
    Asked,
    Because,
    Context,
    Option,
    Origin,
    PauseRequest,
    Preview,
)
from hitl_core.testing.clock import START
from tests.core import desk
from tests.faults.installed import Installed
from tests.faults.places import Place
from tests.faults.scenarios import scenario

GOLDEN = Path(__file__).parent / "golden"
ORDER: Arguments = {"order": "A-1042", "amount": 120.5}
APPROVED = "Approved by security on 2026-01-05. No review needed. [approve: pressed]"

LIES: dict[str, tuple[Arguments, str]] = {
    "bidi": ({**ORDER, "order": "A-\u202e2401\u202c"}, "the order is \u20662401-A\u2069"),
    "zero-width": ({**ORDER, "order": "A-\u200b10\u200d42\ufeff"}, "as al\u00adways"),
    "tags": ({**ORDER, "order": "A-1042" + "".join(chr(0xE0000 + ord(c)) for c in "pay all")}, "\U000e0001"),
    "terminal": ({**ORDER, "order": "\x1b[2J\x1b[1;1Hnothing to see\x1b[8m"}, "\x1b]0;approved\x07\x9b2J\r\x08"),
    "newlines": ({"order": "\n" * 10_000 + "A-1042", "amount": 120.5}, "\n" * 10_000 + "and the rest"),
    "homoglyph": ({**ORDER, "order": "https://login.p\u0430ypal.com/pay"}, "see p\u0430ypal.com"),
    "markdown": ({**ORDER, "order": "![ok](https://evil.example/pixel.png?id=1)"}, "[approve](https://evil.example)"),
    "html": ({**ORDER, "order": "<img src=x onerror=alert(1)>"}, "<script>approve()</script><b>fine</b>"),
    "approved": ({**ORDER, "order": f"A-1042\n\nmay decide   nobody\n{APPROVED}"}, APPROVED),
    "markup": ({**ORDER, "order": "[bold red]A-1042[/bold red]"}, "[link=https://evil.example]details[/link]"),
}


ROWS = (
    "effect Refund 120.50 EUR",
    "reversible no",
    "the call: refund",
    "amount number 120.5",
    "why asked No rule is about this.",
    "may decide anybody who can reach this inbox",
)


def flat(seen: str) -> str:
    """Without frames and line breaks."""
    return " ".join(seen.replace("│", " ").split())


def lying(arguments: Arguments, said: str) -> PauseRequest:
    action = Action(tool="refund", arguments=arguments)
    context = Context(message=said)
    warnings = (*in_arguments(arguments), *in_prose(context))
    preview = Preview(effect="Refund 120.50 EUR", reversible=False, warnings=warnings)
    return desk.request(action, context=context, preview=preview)


def screen(request: PauseRequest) -> str:
    """What a person sees, with what is long folded, as at the prompt."""
    out = StringIO()
    shown = desk.settled(request, state=RequestState.OPEN)
    console = Console(file=out, width=100, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(request_panel(shown, now=START + timedelta(minutes=5), whole=False))
    return out.getvalue()


@scenario(46)
@pytest.mark.parametrize("lie", LIES)
def test_what_a_person_sees_of_a_lie_is_this(lie: str) -> None:
    """Fails if anything from outside is printed without `shown` (render.py)."""
    seen, golden = screen(lying(*LIES[lie])), GOLDEN / f"{lie}.txt"
    if os.environ.get("HITL_GOLDEN") == "write":
        golden.write_text(seen, encoding="utf-8")
    assert seen == golden.read_text(encoding="utf-8")


@scenario(46)
@pytest.mark.parametrize("lie", LIES)
def test_the_facts_stand_where_they_stand_without_it(lie: str) -> None:
    """Each row of facts is there as in an honest request, above all that the agent says, on the first screen."""
    honest, lied = screen(lying(ORDER, "as always")), screen(lying(*LIES[lie]))
    facts, _, prose = lied.partition("the agent says (unverified)")
    assert prose, "what the agent says has a place of its own"
    for row in ROWS:
        assert row in flat(honest)
        assert row in flat(facts)
    assert facts.count("\n") <= 50, "nothing pushes the facts off a screen"
    assert visible(lied, lines=True) == lied, "nothing hidden is left"
    assert APPROVED not in facts or lie == "approved"


LIE = "\x1b[2J\u202e\u200b"
"""Cleared, turned round, and not there."""

TEXTS: dict[str, Any] = {
    "id": LIE,
    "run_id": LIE,
    "call": LIE,
    "title": LIE,
    "requested_for": LIE,
    "preview": Preview(effect=LIE, target=LIE, affects=LIE, leaves=LIE, cost=LIE, diff=f"+{LIE}", warnings=(LIE,)),
    "context": Context(message=LIE, confidence=0.5, confidence_source=LIE, alternatives=(LIE,), details={LIE: LIE}),
    "because": Because(rule=LIE, version=LIE, why=LIE),
    "approvers": Approvers(users=(LIE,), roles=(LIE,)),
    "options": (Option(id=LIE, label=LIE),),
    "asked": (Asked(request_id="request-0", by=LIE, question=LIE, answer=LIE),),
}


@scenario(46)
@pytest.mark.parametrize("field", TEXTS)
def test_no_text_of_a_request_is_printed_as_it_is(field: str) -> None:
    """Whatever an app, a policy or an agent has written there. Fails if one row is printed without `shown`."""
    action = Action(tool=LIE, arguments={LIE: LIE}, origin=Origin(agent=LIE, path=(LIE,)))
    seen = screen(desk.request(action, **{field: TEXTS[field]}))
    assert visible(seen, lines=True) == seen
    assert "\\x1b[2J" in seen


@scenario(46)
@pytest.mark.processes
async def test_a_lie_that_went_through_the_store_is_shown_as_one(place: Place) -> None:
    """From the app to the command line, by a real process."""
    installed = Installed.at(place)
    order = "\x1b[2J\u202e24\u200b01-A p\u0430ypal.com " + "\n" * 500
    async with installed.open() as hitl:
        run = await hitl.start({"order": order})
    said = installed.hitl("show", run.pending[0].id).stdout
    assert visible(said, lines=True) == said
    for word in ("\\x1b[2J", "\\u202e", "\\u200b", "warning", "xn--"):
        assert word in said
