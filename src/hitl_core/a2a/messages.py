"""What a message says. Pure: its data, its words, and nothing that it says of who sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from a2a.helpers import get_data_parts
from a2a.types import Message

from ..callers import Given, in_words, read_answers
from ..errors import Fault, NotUnderstood
from ..protocol import Json, PauseRequest
from .numbers import received

READ: Final = ("text", "data")
"""Parts that are read; files and links are not."""
Reading = Literal["text", "messages"]
"""What becomes of words that start a run: the text itself, or one message of a user in a list of messages."""


@dataclass(frozen=True, slots=True)
class Said:
    """The parts of a message."""

    words: str
    data: tuple[Json, ...]


def said_in(message: Message) -> Said:
    """What is said in a message. Raises NotUnderstood for parts that are not read here."""
    kinds = [part.WhichOneof("content") for part in message.parts]
    faults = [
        Fault(f"parts[{index}]", f"is {kind or 'empty'}; read are {' and '.join(READ)}")
        for index, kind in enumerate(kinds)
        if kind not in READ
    ]
    if faults or not kinds:
        raise NotUnderstood(faults or [Fault("parts", "are none; say something")])
    words = "\n".join(part.text for part in message.parts if part.WhichOneof("content") == "text")
    data = tuple(received(each, f"parts[{index}]") for index, each in enumerate(get_data_parts(message.parts)))
    return Said(words, data)


def input_in(said: Said, reading: Reading) -> Json:
    """The input of the run that a message starts. Raises NotUnderstood."""
    if len(said.data) == 1 and not said.words.strip():
        return said.data[0]
    if said.data:
        raise NotUnderstood([Fault("parts", "start a run by one part of data, which is its input, or by words alone")])
    if not said.words.strip():
        raise NotUnderstood([Fault("parts", "are empty; say something")])
    return said.words if reading == "text" else {"messages": [{"role": "user", "content": said.words}]}


def answers_in(said: Said, pending: tuple[PauseRequest, ...]) -> tuple[Given, ...]:
    """The answers in a message: each part of data is one. Words beside data decide nothing. Raises NotUnderstood."""
    return read_answers(said.data) if said.data else (in_words(said.words, pending),)
