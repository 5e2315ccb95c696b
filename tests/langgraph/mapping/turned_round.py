"""Nodes in which a yes may mean no: whoever rejects must never see `send()` run."""

from __future__ import annotations

from typing import Any

from langgraph.types import interrupt

from .driving import State

SENT: list[str] = []


def send() -> str:
    SENT.append("sent")
    return "sent"


def _mail(*, dry_run: bool) -> str:
    return "tried" if dry_run else send()


def _is_bad(answer: Any) -> bool:
    return bool(answer == "yes")


def asks_whether_to_skip(state: State) -> State:
    skip = interrupt({"question": "Send this mail?"})
    if skip:
        return {"out": "nothing sent"}
    return {"out": send()}


def asks_for_changes(state: State) -> State:
    needs_changes = interrupt({"question": "Please review", "draft": "x"})
    if needs_changes:
        return {"out": "back to the writer"}
    return {"out": send()}


def asks_for_issues(state: State) -> State:
    has_issues = interrupt("Any issues with the draft?")
    if has_issues:
        return {"out": "back"}
    return {"out": send()}


def ignores_a_warning(state: State) -> State:
    answer = interrupt({"question": "Warning: the amount is unusual. What now?"})
    if answer == "ignore":
        return {"out": send()}
    return {"out": "held"}


def cancels_an_order(state: State) -> State:
    answer = interrupt({"question": "The order is late. What now?"})
    if answer == "cancel":
        return {"out": send()}
    return {"out": "kept"}


def discards_records(state: State) -> State:
    answer = interrupt({"question": "What to do with the old records?"})
    if answer == "discard":
        return {"out": send()}
    return {"out": "kept"}


def asks_whether_to_hold(state: State) -> State:
    hold = interrupt("Release the payment?")
    if hold:
        return {"out": "on hold"}
    return {"out": send()}


def reads_a_hold(state: State) -> State:
    reply = interrupt({"question": "Deploy?"})
    if reply["hold"]:
        return {"out": "on hold"}
    return {"out": send()}


def asks_for_a_flag(state: State) -> State:
    flagged = interrupt({"question": "Publish?"})
    return {"out": "quarantine" if flagged else send()}


def blocks_an_account(state: State) -> State:
    answer = interrupt({"question": "Account 7: block or keep?"})
    if answer == "block":
        send()
    return {}


def asks_for_hands(state: State) -> State:
    manual = interrupt({"question": "Run the migration?"})
    if not manual:
        send()
    return {}


def sends_back_on_truth(state: State) -> State:
    answer = interrupt("Publish?")
    if answer:
        return {"out": "draft again"}
    return {"out": send()}


def stops_a_machine(state: State) -> State:
    answer = interrupt({"question": "Stop the machine?"})
    if answer == "stop":
        send()
    return {}


def stops_by_a_record(state: State) -> State:
    reply = interrupt({"question": "what next?"})
    if reply["action"] == "stop":
        send()
    elif reply["action"] == "continue":
        pass
    return {}


def asks_whether_it_is_blocked(state: State) -> State:
    is_blocked = interrupt("Pay?")
    if is_blocked:
        return {}
    return {"out": send()}


def asks_whether_to_deny(state: State) -> State:
    deny = interrupt("Pay?")
    if deny:
        return {}
    return {"out": send()}


def asks_for_work(state: State) -> State:
    needs_work = interrupt("Pay?")
    if not needs_work:
        send()
    return {}


def asks_whether_it_is_cancelled(state: State) -> State:
    cancelled = interrupt("Pay?")
    return {} if cancelled else {"out": send()}


def asks_for_disagreement(state: State) -> State:
    disagree = interrupt("Pay?")
    if disagree:
        return {}
    return {"out": send()}


def asks_for_a_no_go(state: State) -> State:
    no_go = interrupt("Pay?")
    if no_go:
        return {}
    return {"out": send()}


def asks_whether_waiting_is_fine(state: State) -> State:
    ok_to_wait = interrupt("Pay?")
    if ok_to_wait:
        return {}
    return {"out": send()}


def holds_by_a_walrus(state: State) -> State:
    if hold := interrupt("Pay?"):
        return {"out": hold}
    return {"out": send()}


def acts_on_untruth(state: State) -> State:
    answer = interrupt("Pay?")
    if not answer:
        send()
    return {}


def negates_twice(state: State) -> State:
    answer = interrupt("Pay?")
    if not not answer:  # noqa: SIM208 - as people write it
        return {}
    return {"out": send()}


def asserts_untruth(state: State) -> State:
    answer = interrupt("Any problem?")
    assert not answer
    return {"out": send()}


def acts_on_false(state: State) -> State:
    answer = interrupt("Any problem?")
    if answer is False:
        send()
    return {}


def leaves_on_true(state: State) -> State:
    answer = interrupt("Any problem?")
    if answer == True:  # noqa: E712 - as people write it
        return {}
    return {"out": send()}


def waits_while_true(state: State) -> State:
    while interrupt("Wait longer?"):
        pass
    return {"out": send()}


def turns_it_round(state: State) -> State:
    approved = interrupt("Pay?")
    approved = not approved
    if approved:
        send()
    return {}


def acts_on_anything_but_yes(state: State) -> State:
    answer = interrupt("Pay?")
    if answer != "yes":
        send()
    return {}


def leaves_on_yes(state: State) -> State:
    answer = interrupt("Any problem?")
    if answer == "yes":
        return {}
    return {"out": send()}


def raises_on_yes(state: State) -> State:
    answer = interrupt("Any problem?")
    if answer == "yes":
        raise ValueError(answer)
    return {"out": send()}


def names_the_outcome(state: State) -> State:
    answer = interrupt("Any problem?")
    problem = answer == "yes"
    if problem:
        return {}
    return {"out": send()}


def negates_the_outcome(state: State) -> State:
    answer = interrupt("Pay?")
    found = answer == "yes"
    if not found:
        send()
    return {}


def compares_the_outcome(state: State) -> State:
    answer = interrupt("Pay?")
    if (answer == "yes") == False:  # noqa: E712 - as people write it
        send()
    return {}


def indexes_by_the_outcome(state: State) -> State:
    answer = interrupt("Pay?")
    return {"out": [send, str][answer == "yes"]()}


def passes_the_outcome_on(state: State) -> State:
    answer = interrupt("Only try it?")
    return {"out": _mail(dry_run=answer == "yes")}


def asks_a_helper(state: State) -> State:
    if _is_bad(interrupt("Is it bad?")):
        return {}
    return {"out": send()}


def matches_a_no(state: State) -> State:
    match interrupt("Any objections?"):
        case "no":
            send()
        case _:
            pass
    return {}


def acts_on_one_of_several_noes(state: State) -> State:
    answer = interrupt("Any objections?")
    if answer in ("no", "none", "nope"):
        send()
    return {}


def acts_on_none_of_several(state: State) -> State:
    answer = interrupt("Pay?")
    if answer not in ("hold", "stop"):
        send()
    return {}


def acts_on_a_no(state: State) -> State:
    answer = interrupt("Keep it?")
    if answer == "no":
        send()
    return {}


def acts_in_a_conjunction(state: State) -> State:
    answer = interrupt("Any objections?")
    answer == "no" and send()
    return {}


def acts_on_what_is_left(state: State) -> State:
    answer = interrupt("Pay now?")
    if answer == "later":
        return {}
    if answer == "approve":
        return {"out": "by hand"}
    return {"out": send()}


def has_a_name_for_stopping(state: State) -> State:
    stop_now = interrupt("Pay?")
    if stop_now == "yes":
        return {}
    return {"out": send()}


def looks_it_up(state: State) -> State:
    answer = interrupt("Keep it?")
    return {"out": {"no": send}.get(answer, str)()}


def reads_a_cancel(state: State) -> State:
    reply = interrupt({"question": "Cancel the order?"})
    if reply["cancel"]:
        send()
    return {}


def reads_a_no(state: State) -> State:
    reply = interrupt({"question": "Objections?"})
    if reply["answer"] == "no":
        send()
    return {}


def reads_a_block(state: State) -> State:
    reply = interrupt({"question": "Pay?"})
    if reply["blocked"] is True:
        return {}
    return {"out": send()}


def answers_the_customer(state: State) -> State:
    reply = interrupt({"question": "Answer the customer?"})
    if reply["action"] == "approve":
        return {}
    if reply["action"] == "respond":
        send()
    return {"out": reply["message"]}


def acts_in_a_conjunction_on_anything_but_yes(state: State) -> State:
    answer = interrupt("Pay?")
    answer != "yes" and send()
    return {}


def acts_in_a_comprehension(state: State) -> State:
    answer = interrupt("Pay?")
    return {"out": [send() for _ in range(1) if answer != "yes"]}


def asks_what_is_wrong(state: State) -> State:
    if interrupt("Is anything wrong with it?") == "yes":
        return {"out": "told the writer"}
    return {"out": send()}


def asks_for_objections(state: State) -> State:
    answer = interrupt({"question": "Mail to all customers. Any objections?"})
    return {"out": "held" if answer == "yes" else send()}


EVERY = [
    asks_what_is_wrong,
    asks_for_objections,
    acts_in_a_conjunction_on_anything_but_yes,
    acts_in_a_comprehension,
    asks_whether_to_skip,
    asks_for_changes,
    asks_for_issues,
    ignores_a_warning,
    cancels_an_order,
    discards_records,
    asks_whether_to_hold,
    reads_a_hold,
    asks_for_a_flag,
    blocks_an_account,
    asks_for_hands,
    sends_back_on_truth,
    stops_a_machine,
    stops_by_a_record,
    asks_whether_it_is_blocked,
    asks_whether_to_deny,
    asks_for_work,
    asks_whether_it_is_cancelled,
    asks_for_disagreement,
    asks_for_a_no_go,
    asks_whether_waiting_is_fine,
    holds_by_a_walrus,
    acts_on_untruth,
    negates_twice,
    asserts_untruth,
    acts_on_false,
    leaves_on_true,
    waits_while_true,
    turns_it_round,
    acts_on_anything_but_yes,
    leaves_on_yes,
    raises_on_yes,
    names_the_outcome,
    negates_the_outcome,
    compares_the_outcome,
    indexes_by_the_outcome,
    passes_the_outcome_on,
    asks_a_helper,
    matches_a_no,
    acts_on_one_of_several_noes,
    acts_on_none_of_several,
    acts_on_a_no,
    acts_in_a_conjunction,
    acts_on_what_is_left,
    has_a_name_for_stopping,
    looks_it_up,
    reads_a_cancel,
    reads_a_no,
    reads_a_block,
    answers_the_customer,
]
