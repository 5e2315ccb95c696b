"""On one disk: through us, and by hand with a table and polling (by_hand.py): what it costs, and what is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from . import kills
from .by_hand import POLL
from .contenders import ByHand, Ours, Size, compared, side_by_side, spent
from .kills import HEAD, Outcome, Storm
from .yardsticks import Figure, Found, Table

FULL: Final = (Size(pending=500, wakes=100, together=100), Storm(runs=100, kills=12))
SHORT: Final = (Size(pending=5, wakes=2, together=3), Storm(runs=4, kills=1))


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """On SQLite."""
    size, storm = SHORT if smoke else FULL
    ours, hand = f"sqlite:///{folder / 'ours.db'}", str(folder / "hand.db")
    async with Ours.at(ours, folder) as one, ByHand.at(hand, folder) as other:
        found = [await spent(one, size), await spent(other, size)]
    where = f"SQLite, against a look every {POLL:g} s"
    made: list[Found] = [*compared(found[0], found[1], where), side_by_side(found, "SQLite", size)]
    ours, hand = f"sqlite:///{folder / 'kill-ours.db'}", str(folder / "kill-hand.db")
    outcomes = [await kills.ours(ours, folder, storm), kills.by_hand(hand, folder, storm)]
    return [*made, *lost(outcomes, "SQLite")]


def lost(outcomes: list[Outcome], where: str) -> list[Found]:
    """What kills have cost, as a table; and that they have cost nothing with us."""
    ours, others = outcomes[0], outcomes[1:]
    wrong = ours.twice + ours.never
    against = ", ".join(f"{each.who} {each.twice + each.never}" for each in others)
    name = f"refunds of {ours.runs} paid twice or never after {ours.kills} kills, {where}"
    return [
        Figure(name, f"{wrong}", against, wrong / ours.runs, 0.0, binding=True),
        Table(f"Killed between an approval and its effect, on {where}", HEAD, [each.row for each in outcomes]),
    ]
