"""Requests as Block Kit of Slack (https://docs.slack.dev/reference/block-kit). Pure; plain text everywhere.

What comes from agents or models stands in `plain_text` only: it cannot mention people, link, or format.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ...protocol import Arguments, PauseRequest, Reply
from ..plain_text import visible
from ..verbs import DO
from .message import Item, Message
from .texts import lines_of, short

_TEXT: Final = 2_900
"""Characters that a block takes (its limit is 3,000)."""
_BLOCKS: Final = 45
"""Blocks that a message takes (its limit is 50)."""
ACTION: Final = "hitl:"
REASON: Final = "reason"
ARGUMENTS: Final = "arguments"
BUTTONS: Final = (Reply.APPROVE, Reply.REJECT, Reply.EDIT)
"""What can be said by a button; the rest needs the inbox."""

Block = dict[str, Any]


def blocks_of(message: Message, buttons: tuple[Reply, ...]) -> list[Block]:
    """A section for each request and, if it can be answered with them, its buttons."""
    found: list[Block] = []
    for item in message.items:
        mine = _of(item, buttons)
        if len(found) + len(mine) > _BLOCKS:
            found.append(_section("More wait in the inbox."))
            break
        found += mine
    return found


def _of(item: Item, buttons: tuple[Reply, ...]) -> list[Block]:
    offered = [each for each in buttons if each in item.request.allowed]
    elements = [_button(item.request, each) for each in offered]
    elements.append({"type": "button", "text": _plain("Open"), "url": item.link, "action_id": f"{ACTION}open"})
    return [_section("\n".join(lines_of(item)[:-1])), {"type": "actions", "elements": elements}]


def _button(request: PauseRequest, reply: Reply) -> Block:
    """A button says which request, and which action was shown: the answer is bound to that."""
    made: Block = {"type": "button", "text": _plain(_label(reply)), "action_id": f"{ACTION}{reply}"}
    made["value"] = json.dumps({"request": request.id, "digest": request.digest})
    if reply is Reply.APPROVE:
        made |= {"style": "primary", "confirm": _confirm(request)}
    return made


def _label(reply: Reply) -> str:
    """What stands on a button; dots where something is asked for first."""
    return DO[reply].capitalize() + ("" if reply is Reply.APPROVE else " …")


def _confirm(request: PauseRequest) -> Block:
    """Slack asks once more before an approval: a finger on a phone slips."""
    shown = request.preview.effect or request.title
    words = {"title": "Approve?", "confirm": "Approve", "deny": "Not yet"}
    return {**{key: _plain(text) for key, text in words.items()}, "text": _plain(short(shown))}


def modal(request: PauseRequest, reply: Reply, *, back: str) -> Block:
    """What is asked for before a rejection or an edit. `back` is where the message is changed afterwards."""
    kept = {"request": request.id, "digest": request.digest, "reply": reply, "back": back}
    asked = _reason() if reply is Reply.REJECT else _arguments(request.action.arguments)
    return {
        "type": "modal",
        "callback_id": f"{ACTION}{reply}",
        "private_metadata": json.dumps(kept),
        "title": _plain(DO[reply].capitalize()),
        "submit": _plain("Send"),
        "close": _plain("Back"),
        "blocks": [_section(short(request.title)), asked],
    }


def _reason() -> Block:
    element = {"type": "plain_text_input", "action_id": REASON, "multiline": True, "max_length": 2_000}
    label = _plain("Why? The agent is told.")
    return {"type": "input", "block_id": REASON, "optional": True, "label": label, "element": element}


def _arguments(arguments: Arguments) -> Block:
    """All arguments as JSON, so that each keeps its type."""
    text = json.dumps(arguments, indent=2, ensure_ascii=False)
    element = {"type": "plain_text_input", "action_id": ARGUMENTS, "multiline": True, "initial_value": text}
    return {"type": "input", "block_id": ARGUMENTS, "label": _plain("Arguments (JSON)"), "element": element}


def fits_modal(request: PauseRequest) -> bool:
    """Whether its arguments can be shown in a modal as they are (Slack takes 3,000 characters there)."""
    return len(json.dumps(request.action.arguments, indent=2, ensure_ascii=False)) <= _TEXT


def decided(text: str) -> list[Block]:
    """What stands in the place of the buttons once it is decided."""
    return [_section(text)]


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(visible(text, lines=True)[:_TEXT])}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
