"""Nodes as people write them: nothing here knows that it will be overseen. Grouped by what they expect back."""

from __future__ import annotations

import enum
from typing import Any, Literal

from langgraph.types import Command, interrupt

from .driving import State

CALL = {"id": "call-1", "name": "book_table", "args": {"guests": 4, "time": "19:30"}}
INBOX: Any = {
    "action_request": {"action": "send_letter", "args": {"to": "ada", "copies": 2}},
    "config": {"allow_ignore": True, "allow_respond": True, "allow_edit": True, "allow_accept": True},
    "description": "please look",
}

# ── truth ────────────────────────────────────────────────────────────────────────────────────────────────────


def truth_of_type_approval(state: State) -> State:
    ok = interrupt({"type": "approval", "content": "Deploy v2?"})
    return {"out": "deployed" if ok else "held"}


def truth_goto(state: State) -> Command[Literal["__end__"]]:
    is_approved = interrupt({"question": "Do you want to proceed with this action?", "details": "wipe disk"})
    if is_approved:
        return Command(goto="__end__", update={"out": "proceeded"})
    return Command(goto="__end__", update={"out": "cancelled"})


def truth_negated(state: State) -> State:
    if not interrupt("Archive the mailbox?"):
        return {"out": "rejected"}
    return {"out": "archived"}


def truth_walrus(state: State) -> State:
    if go := interrupt({"question": "Water the plants?"}):
        return {"out": f"watered: {go is True}"}
    return {"out": "dry"}


def truth_bool_call(state: State) -> State:
    approved = bool(interrupt("Ship the parcel?"))
    return {"out": "shipped" if approved else "kept"}


def truth_is_true(state: State) -> State:
    confirmed = interrupt({"question": "Open the gate?"})
    if confirmed is True:
        return {"out": "open"}
    return {"out": "shut"}


def truth_kept_under_a_plain_name(state: State) -> State:
    approved = interrupt("Do you approve this action?")
    return {"out": "done" if approved else "not done", "approved": approved}


def truth_through_a_second_name(state: State) -> State:
    reply = interrupt({"question": "Paint the fence?"})
    allowed = reply
    return {"out": "painted" if allowed else "bare"}


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


def word_yes(state: State) -> State:
    decision = interrupt({"message": "Allow these tools?", "tools": [{"name": "rm", "args": {"path": "/"}}]})
    if decision == "yes":
        return {"out": "ran"}
    return {"out": "denied"}


def word_folded(state: State) -> State:
    if interrupt("Really delete it?").strip().lower() in ("y", "yes"):
        return {"out": "deleted"}
    return {"out": "spared"}


def word_approved_or_ok(state: State) -> State:
    reply = interrupt({"question": "Release?"})
    if reply == "approved" or reply == "ok":
        return {"out": "released"}
    return {"out": "withheld"}


def word_not_equal(state: State) -> State:
    verdict = interrupt({"request": "raise salary", "amount": 5000})
    if verdict != "approve":
        return {"out": "no raise"}
    return {"out": "raised"}


def word_only_no(state: State) -> State:
    reply = interrupt({"message": "Posting this:", "draft": "hello world"})
    if reply == "reject":
        return {"out": "dropped"}
    return {"out": "posted"}


def word_or_empty(state: State) -> State:
    reply = interrupt("Continue?")
    if not reply or reply == "no":
        return {"out": "stopped"}
    return {"out": "continued"}


def word_else_is_feedback(state: State) -> State:
    reply = interrupt({"message": "Good?", "draft": "Dear all"})
    if reply == "approve":
        return {"out": "sent"}
    return {"out": f"redo: {reply}"}


def word_checked(state: State) -> State:
    while True:
        reply = interrupt("Proceed? (yes/no)")
        if reply in ("yes", "no"):
            break
    return {"out": "went" if reply == "yes" else "stayed"}


def word_match(state: State) -> State:
    match interrupt({"question": "Sign it?"}):
        case "accept" | "ok":
            return {"out": "signed"}
        case "decline":
            return {"out": "declined"}
        case _:
            return {"out": "neither"}


class Verdict(enum.StrEnum):
    GO = "approve"
    HOLD = "reject"


def word_enum(state: State) -> State:
    answer = interrupt({"question": "Launch?", "options_note": "approve or reject"})
    return {"out": "launched" if answer == Verdict.GO else "scrubbed"}


YES_WORDS = {"yes", "y", "ok"}


def word_module_constant(state: State) -> State:
    answer = interrupt({"question": "Mow the lawn?"})
    return {"out": "mown" if answer in YES_WORDS else "wild"}


def word_denied_text(state: State) -> State:
    user = interrupt({"tool_calls": [CALL], "prompt": "Allow the call?"})
    if user == "y":
        return {"out": "called"}
    return {"out": f"API call denied by user. Reasoning: '{user}'."}


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────


def record_approved_feedback(state: State) -> State:
    review = interrupt({"message": "Review the draft", "draft": "Dear Bob"})
    if review.get("approved"):
        return {"out": "sent"}
    return {"out": f"dropped: {review.get('feedback')}"}


def record_subscripts(state: State) -> State:
    review = interrupt({"question": "Pay?", "amount": 12.5})
    return {"out": "paid" if review["approved"] else f"unpaid: {review['reason']}"}


def record_reason_first(state: State) -> State:
    reply = interrupt({"question": "Post?"})
    if reply.get("comment"):
        return {"out": "posted with a comment"}
    return {"out": "posted" if reply["approved"] else "kept"}


def record_guarded(state: State) -> State:
    reply = interrupt({"question": "Merge?"})
    if isinstance(reply, dict) and reply.get("approved"):
        return {"out": "merged"}
    return {"out": "open"}


def record_or_empty(state: State) -> State:
    reply = interrupt({"question": "Print?"}) or {}
    return {"out": "printed" if reply.get("confirmed") else "not printed"}


def record_two_flags(state: State) -> State:
    reply = interrupt({"question": "Order?"})
    if reply["rejected"]:
        return {"out": "not ordered"}
    if reply["approved"]:
        return {"out": "ordered"}
    return {"out": "neither"}


def record_docs(state: State) -> State:
    review = interrupt({"question": "Is this correct?", "tool_call": CALL})
    action, data = review["action"], review.get("data")
    if action == "continue":
        return {"out": ("called", CALL["args"])}
    elif action == "update":  # noqa: RET505 - as in LangGraph's own pages
        return {"out": ("called", data)}
    elif action == "feedback":
        return {"out": ("told", data)}
    return {"out": "nothing"}


def record_older_docs(state: State) -> State:
    action, data = interrupt({"question": "Is this correct?", "tool_call": CALL})
    if action == "continue":
        return {"out": ("called", CALL["args"])}
    if action == "update":
        return {"out": ("called", data)}
    return {"out": ("told", data)}


def record_match(state: State) -> State:
    match interrupt({"question": "Go?", "tool_call": CALL}):
        case {"type": "approve"}:
            return {"out": ("called", CALL["args"])}
        case {"type": "edit", "args": changed}:
            return {"out": ("called", changed)}
        case {"type": "reject", "reason": why}:
            return {"out": ("told", why)}
        case _:
            return {"out": "nothing"}


def record_flat_fields(state: State) -> State:
    draft = {"to": "ada", "subject": "lunch"}
    response = interrupt({"action": "send_email", **draft, "message": "Approve sending this email?"})
    if response.get("action") == "approve":
        return {"out": ("sent", response.get("to", draft["to"]), response.get("subject", draft["subject"]))}
    return {"out": "Email cancelled by user"}


def record_edited_args(state: State) -> State:
    reply = interrupt({"tool": "transfer", "args": {"amount": 10, "to": "bob"}})
    if not reply.get("approved"):
        return {"out": "refused"}
    args = reply.get("edited_args") or {"amount": 10, "to": "bob"}
    return {"out": ("transferred", args)}


def record_new_args_by_truth(state: State) -> State:
    reply = interrupt({"tool": "transfer", "args": {"amount": 10}, "question": "?"})
    if reply["new_args"]:
        return {"out": ("transferred", reply["new_args"])}
    return {"out": ("transferred", {"amount": 10}) if reply["approved"] else "refused"}


def record_whole_call(state: State) -> State:
    reply = interrupt({"question": "Run it?", "tool_call": CALL})
    if reply["type"] == "accept":
        return {"out": (CALL["name"], CALL["args"])}
    if reply["type"] == "edit":
        return {"out": (reply["edited_action"]["name"], reply["edited_action"]["args"])}
    return {"out": "not run"}


def record_unpacked_names(state: State) -> State:
    reply = interrupt({"question": "Publish?", "article": "On bees"})
    approved = reply.get("approved", False)
    comment = reply.get("comment", "")
    if approved:
        return {"out": "published"}
    return {"out": f"back to the author: {comment}"}


# ── through functions of their own ───────────────────────────────────────────────────────────────────────────


def _ask(question: str) -> Any:
    return interrupt({"question": question})


def _means_yes(reply: str) -> bool:
    return reply.strip().lower() == "yes"


def _log(event: str, **details: Any) -> None:
    print(event, {"at": "noon", **details})


def helper_asks(state: State) -> State:
    return {"out": "moved" if _ask("Move house?") == "yes" else "stayed"}


def helper_judges(state: State) -> State:
    if _means_yes(interrupt("Buy the boat?")):
        return {"out": "bought"}
    return {"out": "not bought"}


def helper_logs(state: State) -> State:
    review = interrupt({"question": "Hire her?", "salary": 100})
    if review["approved"]:
        return {"out": "hired"}
    _log("declined", why=review["reason"])
    return {"out": "declined"}


# ── texts, choices, forms ────────────────────────────────────────────────────────────────────────────────────


def text_question(state: State) -> State:
    return {"out": interrupt("What is your name?")}


def text_greeting(state: State) -> State:
    name = interrupt({"question": "Who is there?"})
    return {"out": f"hello {name}"}


def text_concatenated(state: State) -> State:
    return {"out": "dear " + interrupt("To whom?")}


def text_quick_start(state: State) -> State:
    human_response = interrupt({"query": "I need advice"})
    return {"out": human_response["data"]}


def text_edited(state: State) -> State:
    edited_content = interrupt({"instruction": "Review and edit this content", "content": "old words"})
    return {"out": edited_content}


def text_back_into_the_same_key(state: State) -> State:
    result = interrupt({"task": "Polish this", "output": state.get("text", "rough")})
    return {"text": result, "out": result}


def text_edited_field(state: State) -> State:
    result = interrupt({"task": "Review the summary", "llm_generated_summary": "old words"})
    return {"out": result["edited_text"]}


def number_checked(state: State) -> State:
    prompt = "What is your age?"
    while True:
        answer = interrupt(prompt)
        if isinstance(answer, int) and answer > 0:
            break
        prompt = f"{answer!r} is not an age. What is your age?"
    return {"out": answer}


def number_parsed(state: State) -> State:
    return {"out": int(interrupt("How many?")) + 1}


def choice_listed(state: State) -> State:
    return {"out": str(interrupt({"message": "Which carrier?", "options": ["ship", "rail"]})).upper()}


def choice_between_yes_and_no(state: State) -> State:
    reply = interrupt({"question": "Renew?", "options": ["approve", "reject"]})
    return {"out": "renewed" if reply == "approve" else "lapsed"}


def choice_of_records(state: State) -> State:
    plan = interrupt({"question": "Which plan?", "choices": [{"id": "a", "price": 3}, {"id": "b", "price": 5}]})
    return {"out": (plan["id"], plan["price"])}


def choice_in_a_field(state: State) -> State:
    return {"out": interrupt({"question": "Size?", "options": ["S", "L"]})["size"]}


def choice_from_comparisons(state: State) -> State:
    reply = interrupt("Tea, coffee or water?")
    if reply == "tea":
        return {"out": "kettle on"}
    if reply == "coffee":
        return {"out": "grinder on"}
    return {"out": "tap on"} if reply == "water" else {"out": "?"}


TABLE = {"north": "snow", "south": "sand"}


def choice_from_a_table(state: State) -> State:
    return {"out": TABLE[interrupt("North or south?")]}


def form_of_two(state: State) -> State:
    contact = interrupt({"question": "Where do we reach you?"})
    return {"out": (contact["phone"], contact.get("city"))}


def acknowledged(state: State) -> State:
    interrupt("Look at the dashboard, then continue")
    return {"out": "continued"}


def inbox_list(state: State) -> State:
    response = interrupt([INBOX])[0]
    if response["type"] == "accept":
        return {"out": ("sent", INBOX["action_request"]["args"])}
    if response["type"] == "edit":
        return {"out": ("sent", response["args"]["args"])}
    return {"out": (response["type"], response["args"])}


def inbox_bare(state: State) -> State:
    response = interrupt(INBOX)
    return {"out": (response["type"], response["args"])}


def two_questions(state: State) -> State:
    name = interrupt("Name?")
    sure = interrupt({"question": "Sure?", "name": name})
    return {"out": f"{name} is in" if sure else f"{name} is out"}
