"""Secret arguments: masked before anything is weighed, stored or shown; whole in the tool, after a restart too."""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from hitl_adapters.plain import Refused as CallRefused
from hitl_adapters.plain import gate
from hitl_core.audit import Custody
from hitl_core.errors import NotCanonical, ResponseRefused
from hitl_core.gate.forms import Form
from hitl_core.gate.veil import HIDDEN, Veil
from hitl_core.lifecycle import RequestState
from hitl_core.logs import LOGGERS
from hitl_core.policy import Policy
from hitl_core.protocol import (
    Action,
    Context,
    Executed,
    Failed,
    Json,
    Kind,
    LiveEvent,
    LiveKind,
    Proceed,
    Refuse,
    Reply,
    RunState,
    is_mask,
)
from hitl_core.tools import Catalogue, Tool, Traits, tool
from tests.core.shop import Shop

CARD = "4111-1111-1111-1111"
CUSTODY = Custody(b"s" * 32, "hitl-1", None)
CHARGE = Action(tool="charge", arguments={"card": CARD, "amount": 5})


def veil(*secret: str, run: str = "r-1", custody: object = CUSTODY) -> Veil:
    return Veil(custody, run, Catalogue([Tool("charge", "Charge.", traits=Traits(secret=secret))]))


# ── the veil itself ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_has_no_secret_is_left_alone() -> None:
    plain, form = veil(), Form(title="Charge")
    assert plain.over(CHARGE, "c", form) == (CHARGE, form)
    allowed = Proceed(CHARGE, call="c")
    assert plain.lifted(allowed, "c") is allowed
    assert plain.drawn(allowed) is allowed
    assert not plain.hides


def test_the_mask_is_the_same_for_another_process_and_another_one_in_another_run() -> None:
    shown, _ = veil("card").over(CHARGE, "c", Form())
    assert is_mask(shown.arguments["card"])
    assert shown.digest == veil("card").over(CHARGE, "c", Form())[0].digest
    other = CHARGE.edited({"card": "4111-1111-1111-1112", "amount": 5})
    assert shown.digest != veil("card").over(other, "c", Form())[0].digest
    assert shown.digest != veil("card", run="r-2").over(CHARGE, "c", Form())[0].digest


def test_a_schema_marks_a_secret_of_a_tool_that_nobody_declared() -> None:
    form = Form(arguments_schema={"properties": {"card": {"writeOnly": True}}})
    drawn = veil()
    shown, _ = drawn.over(CHARGE, "c", form)
    assert is_mask(shown.arguments["card"])
    assert drawn.drawn(Proceed(CHARGE, call="c")).action == shown
    assert drawn.lifted(Proceed(shown, call="c"), "c") == Proceed(CHARGE, call="c")


def test_a_call_that_was_not_proposed_here_is_masked_by_what_is_known_of_its_tool() -> None:
    assert is_mask(veil("card").drawn(Proceed(CHARGE, call="c")).action.arguments["card"])


def test_a_secret_that_is_not_given_needs_no_mask() -> None:
    drawn = veil("iban")
    assert drawn.over(CHARGE, "c", Form())[0] is CHARGE
    assert drawn.drawn(Proceed(CHARGE, call="c")).action is CHARGE


def test_a_mask_that_was_changed_is_refused() -> None:
    drawn = veil("card")
    shown, _ = drawn.over(CHARGE, "c", Form())
    for arguments in ({"card": "4000", "amount": 5}, {"amount": 5}, {"card": "[secret " + "0" * 32 + "]"}):
        refused = drawn.lifted(Proceed(shown.edited(cast("Any", arguments)), call="c"), "c")
        assert isinstance(refused, Refuse)
        assert "was changed" in refused.text
    answer = Refuse("no")
    assert drawn.lifted(answer, "c") is answer


def test_what_was_said_since_an_earlier_call_has_no_secret_either() -> None:
    said = iter((f"I take the card {CARD}.", None))
    _, form = veil("card").over(CHARGE, "c", Form(since=lambda earlier: next(said)))
    earlier: Any = None
    assert form.since is not None
    told = form.since(earlier)
    assert told is not None
    assert (CARD in told, "I take the card" in told) == (False, True)
    assert form.since(earlier) is None


def test_without_a_key_a_secret_is_refused() -> None:
    with pytest.raises(NotCanonical, match="no key"):
        veil("card", custody=None).over(CHARGE, "c", Form())


def test_what_is_said_besides_the_arguments_has_no_secret() -> None:
    drawn = veil("card", "amount", "gift")
    action = CHARGE.edited(
        {"card": CARD, "amount": 5, "gift": {"codes": ["AB12"], "used": True, "none": None, "": " "}}
    )
    context = Context(message=f"use {CARD}!", details={"card": CARD, "n": [5, 6, "5", "55"], f"k-{CARD}": "AB12 xAB12"})
    _, form = drawn.over(action, "c", Form(title=f"Charge {CARD}", context=context))
    assert form.title == f"Charge {HIDDEN}"
    assert form.context.message == f"use {HIDDEN}!"
    assert form.context.details == {
        "card": HIDDEN, "n": [HIDDEN, 6, HIDDEN, "55"], f"k-{HIDDEN}": f"{HIDDEN} xAB12",
    }  # fmt: skip
    assert drawn.outcome(Failed(f"{CARD} is dead")) == Failed(f"{HIDDEN} is dead")
    assert drawn.outcome(Executed(CARD)) == Executed(CARD)


@pytest.mark.parametrize("order", [("pin", "token"), ("token", "pin")])
def test_a_secret_inside_another_one_leaves_nothing_of_it(order: tuple[str, str]) -> None:
    hides, values = veil(*order), {"pin": "AB12-CD", "token": "AB12-CD-very-long"}
    hides.over(Action(tool="charge", arguments={name: values[name] for name in order}), "c", Form())
    assert hides.text("refused: AB12-CD-very-long, AB12-CD") == f"refused: {HIDDEN}, {HIDDEN}"


def test_a_pause_of_the_apps_own_offers_no_edit_of_what_is_masked() -> None:
    drawn = veil("card")
    shown, form = drawn.lifted_over(CHARGE, "c", Form())
    assert is_mask(shown.arguments["card"])
    assert form.allowed is not None
    assert Reply.EDIT not in form.allowed
    assert Reply.APPROVE in form.allowed
    given = Form(kind=Kind.APPROVAL, allowed=(Reply.EDIT, Reply.REJECT))
    assert drawn.lifted_over(CHARGE, "c", given)[1].allowed == (Reply.REJECT,)
    assert veil().lifted_over(CHARGE, "c", given) == (CHARGE, given)


@pytest.mark.parametrize(
    ("text", "data", "heard"),
    [
        ("", {"name": "charge", "args": {"card": CARD}}, {"name": "charge", "args": {"card": HIDDEN}}),
        ("", {"name": "charge", "arguments": '{"card": "4111'}, {"name": "charge", "arguments": HIDDEN}),
        ("", {"tool": "charge", "args": ""}, {"tool": "charge", "args": ""}),
        ("", {"name": None, "args": '-1111"}'}, {"name": None, "args": HIDDEN}),
        ("", {"name": "look", "args": '{"a": 1}'}, {"name": "look", "args": '{"a": 1}'}),
        ("charge", {"card": CARD, "amount": 5}, {"card": HIDDEN, "amount": 5}),
        ("look", {"a": 1}, {"a": 1}),
        ("", [1], [1]),
    ],
)  # fmt: skip
def test_a_live_event_shows_no_secret_before_its_call_is_proposed(text: str, data: Json, heard: Json) -> None:
    event = LiveEvent(run_id="r-1", kind=LiveKind.TOOL_CALL, text=text, data=data)
    assert veil("card").event(event).data == heard


@pytest.mark.parametrize("kind", [LiveKind.STATE, LiveKind.CUSTOM])
@pytest.mark.parametrize("name", ["name", "tool", "order"])
def test_what_an_app_tells_shows_no_secret_of_a_tool_before_its_call_is_proposed(name: str, kind: LiveKind) -> None:
    """A run that goes on tells its state first, and its secrets were met in an earlier turn, or another process."""
    state: Json = {name: "Ann", "card": CARD, "cvv": "123", "payment": {"card": "as it is"}}
    event = LiveEvent(run_id="r-1", kind=kind, data=state)
    tools = Catalogue([Tool("charge", "Charge.", traits=Traits(secret=("card",)))], redact=["cvv"])
    shown = Veil(CUSTODY, "r-1", tools).event(event)
    assert shown.data == {name: "Ann", "card": HIDDEN, "cvv": HIDDEN, "payment": {"card": "as it is"}}


def test_a_live_event_shows_no_secret_afterwards() -> None:
    drawn = veil()
    event = LiveEvent(run_id="r-1", kind=LiveKind.TOOL_RESULT, text=f"paid with {CARD}")
    assert drawn.event(event) is event
    drawn.over(CHARGE, "c", Form(arguments_schema={"properties": {"card": {"writeOnly": True}}}))
    assert drawn.event(event).text == f"paid with {HIDDEN}"


def test_an_effect_in_the_store_fails_without_its_secret() -> None:
    drawn = veil("card")
    drawn.over(CHARGE, "c", Form())

    def fails(transaction: object, arguments: dict[str, Json]) -> Json:
        raise ValueError(arguments["card"] if transaction else "dead")

    with pytest.raises(RuntimeError, match=r"ValueError: \[secret\]") as raised:
        drawn.quiet(fails, CHARGE.arguments)("connection")
    assert raised.value.__suppress_context__
    with pytest.raises(ValueError, match="dead"):
        drawn.quiet(fails, CHARGE.arguments)(None)
    assert drawn.quiet(lambda transaction, arguments: arguments["amount"], CHARGE.arguments)(None) == 5


# ── what is said of tools ────────────────────────────────────────────────────────────────────────────────────


class Payment(BaseModel):
    number: SecretStr
    amount: int


@tool(secret=("note",))
def declared(
    card: SecretStr, payment: Payment, keys: list[SecretBytes], by: dict[str, SecretStr], note: str = ""
) -> str:
    """Charge a card."""
    return card.get_secret_value() + payment.number.get_secret_value()


def test_secrets_are_declared_by_hand_by_type_and_by_the_configuration() -> None:
    catalogue = Catalogue([declared], {"declared": {"secret": ("a.b",)}, "wire": {"secret": ("iban",)}}, ["password"])
    assert set(catalogue.secrets("declared")) == {
        ("note",), ("a", "b"), ("password",), ("card",), ("payment", "number"), ("keys", "*"), ("by", "*"),
    }  # fmt: skip
    assert catalogue.secrets("wire") == (("iban",), ("password",))
    assert catalogue.any_secret
    assert not Catalogue([Tool("look", "Look.")], {"look": {"risk": "low"}}).any_secret


def test_a_tool_that_is_learnt_later_adds_its_secrets() -> None:
    catalogue = Catalogue()
    assert catalogue.secrets("declared") == ()
    catalogue.learn(declared)
    assert ("card",) in catalogue.secrets("declared")


def test_pydantics_secrets_are_named_whole() -> None:
    payment = Payment(number=SecretStr("4"), amount=1)
    given = (SecretStr("1"), payment, [SecretBytes(b"2")], {"x": SecretStr("3")})
    named = declared.named(given, {})
    assert named == {"card": "1", "payment": {"number": "4", "amount": 1}, "keys": ["2"], "by": {"x": "3"}}


# ── a run ────────────────────────────────────────────────────────────────────────────────────────────────────


def charging(shop: Shop, *, fails: str = "") -> Callable[[object], Any]:
    @gate.guard(preview=lambda arguments: f"Charge {arguments['amount']} to {arguments['card']}")
    async def charge(card: SecretStr, amount: int) -> str:
        shop.ledger.write("charge", card=card.get_secret_value(), amount=amount)
        if fails:
            raise ValueError(f"{card.get_secret_value()} is dead")
        return "charged"

    async def app(given: object) -> object:
        try:
            return await charge(SecretStr(CARD), 5)
        except CallRefused:
            if fails == "loudly":
                raise RuntimeError(f"no luck with {CARD}") from None
            return "refused"

    return app


def charged(shop: Shop) -> list[tuple[object, object]]:
    """What the tool really got."""
    return [(line["card"], line["amount"]) for line in shop.ledger.lines("charge")]


def in_the_file(folder: Path) -> bytes:
    """All the bytes of the database, packed ones unpacked."""
    connection = sqlite3.connect(folder / "shop.db")
    found = [*connection.iterdump()]
    bodies = [data for (data,) in connection.execute("SELECT data FROM hitl_bodies")]
    connection.close()
    unpacked = [zlib.decompress(data) if data[0] in (0x78, 0x48) else data for data in bodies]
    return "\n".join(found).encode() + b"\n".join(unpacked)


async def test_nothing_of_a_secret_is_in_the_file_and_the_tool_gets_it_in_another_process(shop: Shop) -> None:
    async with shop.open(charging(shop)) as hitl:
        run = await hitl.start({})
        (request,) = run.pending
        assert is_mask(request.action.arguments["card"])
        assert request.preview.effect == f"Charge 5 to {request.action.arguments['card']}"
        assert request.digest == request.action.digest
    async with shop.open(charging(shop)) as hitl:
        await hitl.respond(request.approve(by="alice"))
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert charged(shop) == [(CARD, 5)]
    assert CARD.encode() not in in_the_file(shop.folder)
    assert (await shop.verified()).exit_code == 0


async def test_an_edit_beside_the_mask_keeps_the_value(shop: Shop) -> None:
    async with shop.open(charging(shop)) as hitl:
        run = await hitl.start({})
        (request,) = run.pending
        with pytest.raises(ResponseRefused, match=r"arguments\.card: is secret"):
            await hitl.respond(request.edit({"card": "4000-0000", "amount": 3}, by="alice"))
        await hitl.respond(request.edit({**request.action.arguments, "amount": 3}, by="alice"))
        await hitl.resume(run.id)
    assert charged(shop) == [(CARD, 3)]
    assert b"4000-0000" not in in_the_file(shop.folder)


@pytest.mark.parametrize("how", ["quietly", "loudly"])
async def test_errors_and_the_log_have_no_secret(shop: Shop, how: str, caplog: pytest.LogCaptureFixture) -> None:
    shop.policy = Policy.from_toml(FREE)
    with caplog.at_level(logging.DEBUG):
        async with shop.open(charging(shop, fails=how)) as hitl:
            run = await hitl.start({})
            (effect,) = await hitl.effects(run.id)
    assert effect.error == f"ValueError: {HIDDEN} is dead"
    assert CARD.encode() not in in_the_file(shop.folder)
    assert CARD not in caplog.text
    assert run.error == ("" if how == "quietly" else f"RuntimeError: no luck with {HIDDEN}")


def test_a_line_of_the_log_is_cleaned_and_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    drawn = veil("card")
    drawn.over(CHARGE, "c", Form())
    for name in LOGGERS:
        logging.getLogger(name).warning("no luck with %s", CARD)
        logging.getLogger(name).warning("no luck with %s", "it")
    said = [f"no luck with {HIDDEN}", "no luck with it"]
    assert [record.getMessage() for record in caplog.records] == said * len(LOGGERS)


FREE = """
version = "1"
[[rules]]
id = "free"
why = "free"
match = { tool = "charge" }
level = "autonomous"
allow_irreversible = "so that it can be seen"
"""


@pytest.mark.parametrize(
    "condition",
    [
        '{ argument = "card", starts_with = "4111" }',
        '{ argument = "card", type = "text" }',
        '{ novel = { argument = "card" } }',
    ],
)
async def test_a_rule_about_a_secret_asks(shop: Shop, condition: str) -> None:
    shop.policy = Policy.from_toml(f"{FREE}when = {condition}\n")
    async with shop.open(charging(shop)) as hitl:
        run = await hitl.start({})
        assert run.state is RunState.PAUSED
    assert not charged(shop)


async def test_whether_a_secret_is_given_can_be_asked(shop: Shop) -> None:
    shop.policy = Policy.from_toml(f'{FREE}when = {{ argument = "card", exists = true }}\n')
    async with shop.open(charging(shop)) as hitl:
        assert (await hitl.start({})).state is RunState.COMPLETED
    assert charged(shop) == [(CARD, 5)]


async def test_another_secret_at_the_same_place_is_another_call(shop: Shop) -> None:
    async with shop.open(charging(shop)) as hitl:
        run = await hitl.start({})
        await hitl.respond(run.pending[0].approve(by="alice"))

    @gate.guard(preview=lambda arguments: f"Charge {arguments['amount']} to {arguments['card']}")
    async def charge(card: SecretStr, amount: int) -> str:
        """Not reached."""
        raise AssertionError

    async with shop.open(lambda given: charge(SecretStr("4000"), 5)) as hitl:
        again = await hitl.resume(run.id)
        assert again.state is RunState.PAUSED
        assert (await hitl.request(run.pending[0].id)).state in (RequestState.DECIDED, RequestState.SUPERSEDED)


def test_a_traits_override_replaces_nothing_of_a_secret() -> None:
    assert replace(Traits(secret=("a",)), risk="low").secret == ("a",)
