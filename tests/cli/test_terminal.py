"""The prompt at a real terminal: real keys, a real process, and what really happened afterwards."""

from __future__ import annotations

import pytest

from tests.cli.shop import Shop, order
from tests.cli.terminal import Terminal, at_a_terminal

pytestmark = pytest.mark.processes

DECIDE = "alice, decide:"


def run(shop: Shop, do: str, **given: object) -> tuple[str, ...]:
    return ("run", "--as", "alice", "--input", order(do, **given))


def test_a_run_is_answered_at_the_prompt_and_goes_on(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "pay")) as person:
        screen = person.expect(DECIDE)
        assert "Pay money back" in screen
        assert "Pay 48.5 EUR back" in screen
        person.press("a")
        person.expect("is completed")
        assert person.ended() == 0
    assert [line["amount"] for line in shop.ledger("refund")] == [48.5]
    assert len(shop.ledger("look_up")) == 1


@pytest.mark.parametrize("presses", ["\r", "\n", " ", "\x1b[A", "\x1b[a", "approve\r", "aa", "A", "y"])
def test_nothing_but_the_key_itself_decides(shop: Shop, presses: str) -> None:
    with at_a_terminal(shop, *run(shop, "pay")) as person:
        person.expect(DECIDE)
        person.press(presses)
        person.expect("none of the keys; nothing was decided")
        person.expect(DECIDE)
        person.press("q")
        person.expect("left for later")
        assert person.ended() == 3
    assert not shop.ledger("refund")


@pytest.mark.parametrize("leave", ["q", "\x03", "\x04", "\x1b"])
def test_leaving_decides_nothing(shop: Shop, leave: str) -> None:
    with at_a_terminal(shop, *run(shop, "pay")) as person:
        person.expect(DECIDE)
        person.press(leave)
        assert person.ended() == 3
    assert shop.hitl("inbox", "--json").json["requests"][0]["state"] == "open"


def test_what_was_typed_before_the_question_is_no_answer(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "ship_it")) as person:
        person.press("a")  # nothing has been shown yet
        _leave(person)
    assert not shop.ledger("ship")


def _leave(person: Terminal) -> None:
    person.expect(DECIDE)
    person.press("q")
    assert person.ended() == 3


def test_an_edit_goes_through_typed_fields_until_it_fits(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "pay")) as person:
        person.expect(DECIDE)
        person.press("e")
        person.expect('order (text) ["A-1042"]: ')
        person.type("")
        person.expect("amount (number) [48.5]: ")
        person.type("a lot")
        person.expect("amount: 'a lot' is not number")
        person.type("40")
        person.expect("note (text)")
        person.type("as agreed")
        assert "48.5" in person.expect("run it like this")
        person.press("y")
        person.expect("is completed")
        assert person.ended() == 0
    assert shop.ledger("refund") == [{"effect": "refund", "order": "A-1042", "amount": 40, "note": "as agreed"}]


def test_a_question_is_answered_in_words(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "ask")) as person:
        person.expect(DECIDE)
        person.press("w")
        person.expect("your answer (text): ")
        person.type("Yes, they may.")
        person.expect('"answer": "Yes, they may."')
        assert person.ended() == 0


def test_ctrl_c_in_the_middle_of_an_answer_goes_back_to_the_keys(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "ask")) as person:
        person.expect(DECIDE)
        person.press("w")
        person.expect("your answer (text): ")
        person.press("half an ans\x03")
        _leave(person)


def test_an_arrow_key_is_no_text(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "ask")) as person:
        person.expect(DECIDE)
        person.press("w")
        person.expect("your answer (text): ")
        person.type("Yes\x1b[D")
        person.expect("keys in it that are no text: Yes\\x1b[D")
        person.type("Yes, ümläut.")
        assert person.ended() == 0
    assert '"answer": "Yes, ümläut."' in person.screen


def test_a_choice_is_one_digit(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "choose")) as person:
        person.expect(DECIDE)
        person.press("2")
        person.expect('"chosen": "courier"')
        assert person.ended() == 0


def test_what_waits_together_is_asked_one_after_the_other(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "both")) as person:
        for _ in range(2):
            person.expect(DECIDE)
            person.press("a")
        person.expect("is completed")
        assert person.ended() == 0
    assert sorted(line["order"] for line in shop.ledger("refund")) == ["A", "B"]


def test_somebody_else_may_be_faster(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "pay")) as person:
        person.expect(DECIDE)
        (waiting,) = shop.hitl("inbox", "--json").json["requests"]
        assert shop.hitl("respond", waiting["id"], "reject", "--as", "bob", "--message", "no").code == 0
        person.press("a")
        person.expect("'bob' was first")
        person.expect("is completed")
        assert person.ended() == 0
    assert not shop.ledger("refund")


def test_killed_at_the_prompt_and_answered_elsewhere(shop: Shop) -> None:
    with at_a_terminal(shop, *run(shop, "pay")) as person:
        person.expect(DECIDE)
        person.process.kill()
        person.process.wait()
    (waiting,) = shop.hitl("inbox", "--json").json["requests"]
    answered = shop.hitl("respond", waiting["id"], "approve", "--as", "alice")
    assert answered.code == 0
    assert "is ready" in answered.out
    resumed = shop.hitl("resume", waiting["run_id"])
    assert (resumed.code, "is completed" in resumed.out) == (0, True)
    assert len(shop.ledger("refund")) == 1
    assert len(shop.ledger("look_up")) == 1


def test_respond_without_a_decision_asks(shop: Shop) -> None:
    _, waiting = shop.paused("ask")
    with at_a_terminal(shop, "respond", waiting, "--as", "alice") as person:
        person.expect(DECIDE)
        person.press("r")
        person.expect("why (the agent is told): ")
        person.type("It is not due.")
        person.expect("is ready")
        assert person.ended() == 0
    assert shop.hitl("show", waiting, "--json").json["response"]["decision"]["message"] == "It is not due."
