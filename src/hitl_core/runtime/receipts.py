"""Receipts: an undo is called with the result of what it takes back, and with its arguments if it wants them."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from ..protocol import Arguments, Json
from ..signatures import TRANSACTION, Function
from ..tools import RETURNED, as_json, kept


def receipt_of(result: Json) -> Json:
    """What the tool returned, in whatever form its adapter has kept it."""
    return result[RETURNED] if isinstance(result, dict) and RETURNED in result else result


async def take_back(undo: Function, arguments: Arguments) -> Json:
    """Call an undo with the receipt of what it takes back, and with its arguments if there is a place for them."""
    given = _receipt(undo, arguments)
    made = await asyncio.to_thread(undo, *given) if not inspect.iscoroutinefunction(undo) else await undo(*given)
    return kept(await made if inspect.isawaitable(made) else made)


def take_back_in(transaction: Any, undo: Function, arguments: Arguments) -> Json:
    """The same inside the store's transaction, for an undo that takes it."""
    return as_json(undo(*_receipt(undo, arguments), **{TRANSACTION: transaction}))


def takes_arguments(undo: Function) -> bool:
    """Whether an undo wants the arguments beside the receipt."""
    return len(_places(undo)) > 1


def _receipt(undo: Function, arguments: Arguments) -> tuple[Any, ...]:
    return (arguments["receipt"], arguments["arguments"])[: len(_places(undo))]


def _places(undo: Function) -> list[str]:
    return [name for name in inspect.signature(undo).parameters if name != TRANSACTION]
