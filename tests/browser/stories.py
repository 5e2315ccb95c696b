"""What agents ask people in these tests, in each way that they can."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hitl_adapters.plain import Refused, gate
from hitl_core.gate import Form
from hitl_core.protocol import Kind, Option, Preview
from tests.core.shop import App, Ledger, one_refund

HOSTILE = (
    "</textarea></form><script>document.title='forged'</script><img src=//evil.test/x onerror=alert(1)>"
    "\"' autofocus onfocus=alert(1) {{ 7*7 }}{% raw %}${7*7} \u202e00.1 RUE\u202c\u2066\u200b\x1b[2J " + "long" * 2_000
)
"""Text that would forge a page, ask others, run, turn words round or hide them, where it were taken for more."""


def refunds(ledger: Ledger) -> App:
    return one_refund(ledger, preview=shown, reversible=False)


def shown(arguments: dict[str, Any]) -> Preview:
    return Preview(
        effect=f"Pay back {arguments['amount']} EUR for order {arguments['order']}",
        target="Mira Osei, IBAN ending in 3000",
        affects="one customer",
        leaves="the amount and the order go to the bank",
        cost=f"{arguments['amount']} EUR",
        reversible=False,
        diff="- open\n+ refunded",
        warnings=("The parcel is not back yet.",),
    )


def small_refunds(ledger: Ledger) -> App:
    """That can be taken back, so that several may be approved at once."""
    return one_refund(ledger, reversible=True, undo=_take_back, undo_window=timedelta(hours=2))


async def _take_back(receipt: Any, arguments: Any) -> str:
    return f"took {arguments['amount']} back"


def asks(ledger: Ledger) -> App:
    async def app(input: Any) -> Any:
        try:
            return await gate.ask("Is it to come back by courier?")
        except Refused as exc:
            return f"refused: {exc}"

    return app


def chooses(ledger: Ledger) -> App:
    async def app(input: Any) -> Any:
        return await gate.choose("Who picks it up?", ["post", "courier"])

    return app


def reviews(ledger: Ledger) -> App:
    async def app(input: Any) -> Any:
        found = await gate.review("Dear customer, no.", title="The letter to the customer")
        ledger.write("letter", **found)
        return found

    return app


def talks(ledger: Ledger) -> App:
    """Gives the conversation to people, until they hand it back."""

    async def app(input: Any) -> Any:
        floor = Form(kind=Kind.HANDOFF, title="The customer wants a person", options=(Option(id="agent"),))
        said: list[Any] = []
        for _ in range(5):
            turn = await gate._consult("turn", {"customer": "Where is my money?"}, floor)  # no word of the gate asks so
            said.append(turn)
            if not (isinstance(turn, dict) and turn["floor"] == "person"):
                break
        return said

    return app


def hostile(ledger: Ledger) -> App:
    @gate.guard(preview=_hostile_preview, reversible=True)
    async def write(text: str, more: dict[str, Any]) -> str:
        ledger.write("write", text=text)
        return "written"

    async def app(input: Any) -> Any:
        return await write(input, {input[:200]: [input]})

    return app


def _hostile_preview(arguments: dict[str, Any]) -> Preview:
    text = arguments["text"]
    return Preview(effect=text, target=text, affects=text, cost=text, diff=f"- {text}\n+ {text}", warnings=(text,))
