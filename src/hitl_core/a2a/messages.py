"""What a message says. Pure: its data, its words, and nothing that it says of who sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from a2a.helpers import get_data_parts
from a2a.types import Message, Role

from ..callers import Submission, in_words, read_answers
from ..errors import Fault, NotUnderstood
from ..protocol import Json, PauseRequest
from .numbers import received

READ: Final = ("text", "data")
"""Parts that are read; files and links are not."""
Reading = Literal["text", "messages"]
"""What becomes of words that start a run: the text itself, or one message of a user in a list of messages."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is in the parts of a message: its words, and each value of its data."""

    words: str
    data: tuple[Json, ...]


def parts_of(message: Message) -> Parts:
    """What is said in a message. Raises NotUnderstood for parts that are not read here, and for who says it."""
    kinds = [part.WhichOneof("content") for part in message.parts]
    faults = _around(message) + [
        Fault(f"parts[{index}]", f"is {kind or 'empty'}; read are {' and '.join(READ)}")
        for index, kind in enumerate(kinds)
        if kind not in READ
    ]
    if faults or not kinds:
        raise NotUnderstood(faults or [Fault("parts", "are none; say something")])
    words = "\n".join(part.text for part in message.parts if part.WhichOneof("content") == "text")
    try:
        values = get_data_parts(message.parts)
    except ValueError as exc:
        raise NotUnderstood([Fault("parts", "have a number that JSON has not (NaN, Infinity); leave it out")]) from exc
    return Parts(words, tuple(received(each, f"parts[{index}]") for index, each in enumerate(values)))


def _around(message: Message) -> list[Fault]:
    """What is wrong with a message, whatever it says: what an agent says is no person's answer, nor their wish."""
    faults = []
    if message.role != Role.ROLE_USER:
        faults.append(Fault("role", "is not that of a user (ROLE_USER; `user` in 0.3), and nobody else is heard here"))
    if not message.message_id:
        faults.append(
            Fault("message_id", "is empty; make one for each message, by which it is known if it comes again")
        )
    return faults


def input_in(said: Parts, reading: Reading) -> Json:
    """The input of the run that a message starts. Raises NotUnderstood."""
    if len(said.data) == 1 and not said.words.strip():
        return said.data[0]
    if said.data:
        raise NotUnderstood([Fault("parts", "start a run by one part of data, which is its input, or by words alone")])
    if not said.words.strip():
        raise NotUnderstood([Fault("parts", "are empty; say something")])
    return said.words if reading == "text" else {"messages": [{"role": "user", "content": said.words}]}


def answers_in(said: Parts, pending: tuple[PauseRequest, ...]) -> tuple[Submission, ...]:
    """The answers in a message: each part of data is one. Words beside data decide nothing. Raises NotUnderstood."""
    return read_answers(said.data) if said.data else (in_words(said.words, pending),)
