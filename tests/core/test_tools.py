"""Tools declared once: the schema of a signature, the typed call, and what is known about a tool by name."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from hitl_core.checks import schema_faults
from hitl_core.errors import ConfigError, NotCanonical, ResultNotKept
from hitl_core.protocol import EffectMode, Kind, Option
from hitl_core.tools import (
    RETURNED,
    Call,
    Catalogue,
    Tool,
    Traits,
    as_json,
    choice,
    current_call,
    question,
    review,
    running,
    tool,
    with_receipt,
)


class Address(BaseModel):
    city: str
    lines: list[str] = []


@tool(risk="money", reversible=False, tags=["refunds"], title="Pay back", preview=lambda arguments: "pays back")
def refund(
    order: str, amount: Annotated[float, Field(gt=0, le=500)], to: Address | None = None, how: Literal["card"] = "card"
) -> dict[str, Any]:
    """Pay money back.

    Only for orders that were delivered.
    """
    return {"order": order, "amount": amount, "city": to.city if to else None, "how": how}


@tool
async def lookup(order: str) -> Address:
    """Look up."""
    return Address(city=order)


@tool
def anything(order: str) -> Any:
    """Do."""


@tool
def unsaid(order: str):  # type: ignore[no-untyped-def]  # that is the point
    """Do."""


@tool
def nothing(order: str) -> None:
    """Do."""


@tool
def odd(order: str) -> threading.Thread:
    """Do."""
    return threading.Thread()


def test_what_a_tool_says_that_it_returns_has_a_form() -> None:
    assert lookup.result_schema is not None
    assert schema_faults(lookup.result_schema, {"city": "Ulm", "lines": []}, "result") == []
    assert [fault.path for fault in schema_faults(lookup.result_schema, 7, "result")] == ["result"]


@pytest.mark.parametrize("made", [anything, unsaid, nothing, odd, question("ask", "Ask.")], ids=lambda made: made.name)
def test_what_says_nothing_in_json_has_none(made: Tool) -> None:
    assert made.result_schema is None


# ── declaring ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tool_is_named_and_described_by_its_function() -> None:
    assert (refund.name, refund.description) == (
        "refund",
        "Pay money back.\n\nOnly for orders that were delivered.",
    )
    assert refund.kind is Kind.APPROVAL


def test_a_bare_decorator_declares_a_tool_with_a_ledger() -> None:
    @tool
    def ping(host: str) -> str:
        return host

    assert (ping.name, ping.description, ping.traits) == ("ping", "", Traits())
    assert ping.traits.mode is EffectMode.LEDGER


def test_name_and_description_can_be_given() -> None:
    declared = tool(name="pay", description="Pays.")(refund.function or print)
    assert (declared.name, declared.description) == ("pay", "Pays.")


def test_traits_say_what_the_policy_needs() -> None:
    traits = refund.traits
    assert (traits.risk, traits.reversible, traits.tags, traits.title) == ("money", False, ("refunds",), "Pay back")
    assert traits.preview is not None


@pytest.mark.parametrize(
    ("options", "mode"),
    [({}, "ledger"), ({"idempotent": True}, "idempotent"), ({"transactional": True}, "transactional")],
)
def test_the_effect_mode_is_named(options: dict[str, Any], mode: str) -> None:
    def send(text: str, transaction: object = None) -> None: ...

    assert tool(**options)(send).traits.mode == mode


def test_two_effect_modes_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="idempotent or transactional, not both"):
        tool(idempotent=True, transactional=True)


def test_an_undo_window_that_is_no_time_is_refused_where_it_is_written() -> None:
    with pytest.raises(ConfigError, match=r"undo_window: must be a timedelta, as in timedelta\(hours=2\), not '2h'"):
        tool(undo_window="2h")  # type: ignore[call-overload]  # what a type checker would have said


def test_a_tool_that_cannot_be_transactional_is_refused_with_every_reason() -> None:
    async def send(text: str) -> None: ...

    with pytest.raises(ConfigError) as refused:
        tool(transactional=True)(send)
    assert [fault.problem for fault in refused.value.faults] == [
        "is transactional, so it must not be async",
        "is transactional, so it must take 'transaction', the store's connection",
    ]


# ── the schema ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_schema_is_that_of_the_signature() -> None:
    schema: Any = refund.schema
    assert schema["required"] == ["order", "amount"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["amount"] == {
        "exclusiveMinimum": 0,
        "maximum": 500,
        "title": "Amount",
        "type": "number",
    }


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"order": "A-1", "amount": 1}, True),
        ({"order": "A-1", "amount": 1, "to": {"city": "Ulm"}}, True),
        ({"order": "A-1", "amount": "1"}, False),
        ({"order": "A-1", "amount": 501}, False),
        ({"order": "A-1"}, False),
        ({"order": "A-1", "amount": 1, "bcc": "x"}, False),
        ({"order": "A-1", "amount": 1, "how": "cash"}, False),
    ],
    ids=str,
)
def test_the_schema_checks_an_edit(arguments: dict[str, Any], fits: bool) -> None:
    assert (schema_faults(refund.schema, arguments, "arguments") == []) == fits


def test_a_tool_without_parameters_takes_no_arguments() -> None:
    bare = Tool("ping", "Ping.")
    assert schema_faults(bare.schema, {}, "arguments") == []
    assert schema_faults(bare.schema, {"x": 1}, "arguments")


def test_a_parameter_without_a_type_takes_anything() -> None:
    @tool
    def anything(value):  # type: ignore[no-untyped-def]
        return value

    assert schema_faults(anything.schema, {"value": [1, None]}, "arguments") == []


def test_the_definition_changes_with_the_signature_and_the_description() -> None:
    def pay(amount: float) -> None:
        """Pays."""

    def pay_more(amount: float, to: str) -> None:
        """Pays."""

    declared = tool(name="pay")(pay)
    same, other = tool(name="pay")(pay), tool(name="pay")(pay_more)
    told_otherwise = tool(name="pay", description="Pays nothing.")(pay)
    assert declared.definition == same.definition
    assert len({declared.definition, other.definition, told_otherwise.definition}) == 3


def test_the_transaction_is_not_a_parameter_of_the_model() -> None:
    @tool(transactional=True)
    def book(amount: float, transaction: Any) -> str:
        return f"{transaction}:{amount}"

    assert list(book.parameters.model_fields) == ["amount"]
    assert book.run_in("connection", {"amount": 2}) == "connection:2.0"


@pytest.mark.parametrize("signature", ["*args", "**options", "value, /"])
def test_a_signature_without_a_json_form_is_refused(signature: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def odd({signature}): ...", namespace)  # noqa: S102
    with pytest.raises(ConfigError, match="must be a named parameter"):
        tool(namespace["odd"])


# ── running ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_arguments_become_the_types_of_the_signature() -> None:
    result = await refund.run({"order": "A-1", "amount": 2, "to": {"city": "Ulm"}})
    assert result == {"order": "A-1", "amount": 2.0, "city": "Ulm", "how": "card"}


async def test_an_async_function_is_awaited() -> None:
    @tool
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value

    assert await later.run({"value": 3}) == 3


async def test_what_a_function_returns_is_awaited_if_it_can_be() -> None:
    async def later(value: int) -> int:
        return value

    @tool
    def soon(value: int) -> Any:
        return later(value)

    assert await soon.run({"value": 3}) == 3


async def test_a_sync_function_runs_in_a_thread_with_its_context() -> None:
    @tool
    def where(value: int) -> tuple[bool, str]:
        return threading.current_thread() is threading.main_thread(), current_call().name

    with running(Call("run-1", "where#1")):
        assert await where.run({"value": 1}) == [False, "where#1"]


@pytest.mark.parametrize(
    "arguments", [{"order": "A-1"}, {"order": "A-1", "amount": 900}, {"order": "A-1", "amount": 1, "x": 1}], ids=str
)
async def test_arguments_that_do_not_fit_never_reach_the_function(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await refund.run(arguments)


async def test_a_question_to_people_has_nothing_to_run() -> None:
    with pytest.raises(ConfigError, match="asks people"):
        await question("ask", "Ask the lead.").run({"question": "why?"})


def test_results_become_json() -> None:
    @dataclass
    class Receipt:
        at: datetime
        amount: Decimal

    receipt = Receipt(datetime(2026, 1, 5, tzinfo=UTC), Decimal("1.50"))
    assert as_json(receipt) == {"at": "2026-01-05T00:00:00Z", "amount": "1.50"}
    assert as_json([Address(city="Ulm"), None, (1, 2)]) == [{"city": "Ulm", "lines": []}, None, [1, 2]]


async def test_a_result_without_a_json_form_says_that_the_tool_ran() -> None:
    ran: list[str] = []

    @tool
    def wire(order: str) -> object:
        ran.append(order)
        return object()

    @tool
    async def mail(order: str) -> object:
        return wire

    for each in (wire, mail):
        with pytest.raises(ResultNotKept, match=r"^It ran, but its result cannot be kept: .* do not repeat it"):
            await each.run({"order": "A"})
    assert ran == ["A"]


# ── tools that ask people ────────────────────────────────────────────────────────────────────────────────────


def test_a_question_takes_its_text() -> None:
    ask = question("ask_lead", "Ask the lead.")
    assert (ask.kind, ask.function, list(ask.parameters.model_fields)) == (Kind.INPUT, None, ["question"])


def test_a_choice_offers_its_own_options_or_the_agents() -> None:
    fixed = choice("carrier", "Pick.", ["dhl", Option(id="ups", label="UPS")])
    free = choice("carrier", "Pick.")
    assert [option.id for option in fixed.options] == ["dhl", "ups"]
    assert list(fixed.parameters.model_fields) == ["question"]
    assert list(free.parameters.model_fields) == ["question", "options"]
    assert fixed.kind is free.kind is Kind.CHOICE


def test_a_review_takes_a_draft() -> None:
    shown = review("show_draft", "Show it.")
    assert (shown.kind, list(shown.parameters.model_fields)) == (Kind.REVIEW, ["content"])


# ── the call that runs ───────────────────────────────────────────────────────────────────────────────────────


def test_a_running_tool_knows_its_idempotency_key() -> None:
    with running(Call("run-1", "refund#2", attempt=1)) as call:
        assert current_call() is call
        assert current_call().key == "run-1:refund#2"


def test_the_key_is_the_same_for_every_attempt() -> None:
    assert Call("run-1", "refund#2", attempt=1).key == Call("run-1", "refund#2", attempt=2).key


def test_nested_calls_know_their_own_key() -> None:
    with running(Call("run-1", "outer#1")):
        with running(Call("run-1", "inner#1")):
            assert current_call().name == "inner#1"
        assert current_call().name == "outer#1"


async def test_what_a_running_tool_returned_is_seen_by_its_own_call_only() -> None:
    outer: list[Any] = []
    inner: list[Any] = []

    @tool
    async def double(value: int) -> dict[str, int]:
        return {"value": 2 * value}

    @tool
    async def both(value: int) -> Any:
        with running(Call("run-1", "inner#1"), inner):
            await double.run({"value": value})
        return await double.run({"value": 10})

    with running(Call("run-1", "outer#1"), outer):
        await both.run({"value": 1})
    await double.run({"value": 100})
    assert (inner, outer) == ([{"value": 2}], [{"value": 20}, {"value": 20}])


def test_outside_a_gated_tool_there_is_no_call() -> None:
    with pytest.raises(LookupError, match="no gated tool"):
        current_call()


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_tool_has_a_ledger_and_unknown_reversibility() -> None:
    catalogue = Catalogue()
    assert catalogue.tool("wire") is None
    assert catalogue.traits("wire") == Traits()


def test_a_declared_tool_is_known_by_name() -> None:
    catalogue = Catalogue([refund])
    assert catalogue.tool("refund") is refund
    assert catalogue.traits("refund") is refund.traits


def test_the_configuration_wins_where_it_says_something() -> None:
    override = {"reversible": True, "risk": "low"}
    traits = Catalogue([refund], overrides={"refund": override, "wire": override}).traits
    assert traits("refund") == replace(refund.traits, reversible=True, risk="low")
    assert traits("wire") == Traits(reversible=True, risk="low")


@pytest.mark.parametrize("mode", [EffectMode.LEDGER, EffectMode.IDEMPOTENT])
def test_the_configuration_cannot_take_a_tool_out_of_the_transaction(mode: EffectMode) -> None:
    @tool(transactional=True)
    def pay(order: str, transaction: Any) -> None: ...

    with pytest.raises(ConfigError, match=rf"tools.pay.effect: is {mode} here, .* declared transactional"):
        Catalogue([pay], overrides={"pay": {"mode": mode}})
    assert Catalogue([pay], overrides={"pay": {"risk": "high"}}).traits("pay").mode is EffectMode.TRANSACTIONAL


def test_the_configuration_may_say_that_a_tool_can_be_repeated() -> None:
    traits = Catalogue([refund], overrides={"refund": {"mode": EffectMode.IDEMPOTENT}}).traits
    assert traits("refund").mode is EffectMode.IDEMPOTENT


def test_a_tool_may_be_learned_twice_but_not_two_of_one_name() -> None:
    catalogue = Catalogue([refund])
    catalogue.learn(refund)
    catalogue.learn(replace(refund, function=print))  # made anew for another run
    with pytest.raises(ConfigError, match=r"two different tools.*differ in name, description or arguments"):
        catalogue.learn(Tool("refund", "Something else."))
    assert catalogue.tool("refund") is refund


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (Traits(reversible=True), "reversible"),
        (Traits(mode=EffectMode.IDEMPOTENT, tags=("payments",)), "mode, tags"),
        (Traits(risk="low", title="Send"), "risk, title"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_two_tools_of_one_name_that_promise_different_things_are_refused(other: Traits, differs: str) -> None:
    with pytest.raises(ConfigError, match=f"differ in {differs}; rename one"):
        Catalogue([Tool("wire", "Send."), Tool("wire", "Send.", traits=other)])


def test_a_result_in_a_form_of_its_own_has_the_receipt_beside_it() -> None:
    assert with_receipt({"form": 1}, {"id": 7}) == {"form": 1, RETURNED: {"id": 7}}
    assert with_receipt({"form": 1}, None) == {"form": 1}


@pytest.mark.parametrize("value", [object(), {"\udfff": 1}], ids=["no JSON", "a lone surrogate"])
def test_what_has_no_json_form_is_refused_by_name(value: object) -> None:
    def send(what: object) -> None:
        """Send it."""

    with pytest.raises(NotCanonical, match="have no JSON form"):
        tool(send).named((value,), {})
