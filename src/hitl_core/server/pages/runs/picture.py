"""The path of a run as a drawing in three lanes (agent, people, tools), and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .timeline import Step

LANES: Final = ("agent", "people", "tool")
NAMES: Final = {"agent": "Agent", "people": "People", "tool": "Tools"}
TOP: Final = 34
ROW: Final = 34
LEFT: Final = 26
LANE: Final = 52
MOST: Final = 40
"""Steps that are drawn; of more, the last ones."""
WIDTH: Final = 440
LONGEST: Final = 34

_QUIET: Final = ("run.claimed", "run.released", "request.commented", "request.reminded", "run.compacted")
"""Steps that the path does not turn at."""


@dataclass(frozen=True, slots=True)
class Node:
    """A step where it is drawn. `mark` is a sign besides the colour: not everybody sees that."""

    x: int
    y: int
    tone: str
    mark: str
    label: str
    seq: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn: the lanes, the nodes, and the line through them. `told` is the same in words."""

    width: int
    height: int
    lanes: tuple[tuple[int, str], ...]
    nodes: tuple[Node, ...]
    line: str
    left_out: int
    told: str


_MARKS: Final = {"good": "✓", "bad": "\N{MULTIPLICATION SIGN}", "warn": "!", "wait": "…", "": ""}


def picture(steps: Sequence[Step]) -> Picture | None:
    """The drawing; None where there is nothing to draw."""
    turns = [each for each in steps if each.event not in _QUIET]
    shown = turns[-MOST:]
    if not shown:
        return None
    nodes = tuple(_node(row, step) for row, step in enumerate(shown))
    line = " ".join(f"{node.x},{node.y}" for node in nodes)
    lanes = tuple((LEFT + LANE * place, NAMES[lane]) for place, lane in enumerate(LANES))
    height = TOP + ROW * len(nodes)
    return Picture(WIDTH, height, lanes, nodes, line, len(turns) - len(shown), _told(shown))


def _node(row: int, step: Step) -> Node:
    x, y = LEFT + LANE * LANES.index(step.lane), TOP + ROW * row + ROW // 2
    label = step.title if len(step.title) <= LONGEST else step.title[: LONGEST - 1] + "…"
    return Node(x, y, step.tone, _MARKS.get(step.tone, ""), label, step.seq)


def _told(steps: Sequence[Step]) -> str:
    """One step after the other, each with whose it is."""
    return "; ".join(f"{NAMES[each.lane]}: {each.title}" + (f" by {each.by}" if each.by else "") for each in steps)
