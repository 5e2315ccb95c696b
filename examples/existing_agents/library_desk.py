"""A library desk: looking up is free, a longer loan needs a librarian, and so does a fee above 5 EUR."""

from __future__ import annotations

from typing import Any

from agents import Agent, RunContextWrapper, function_tool

from .ledger import record
from .model import chat_model

FEES = {7: 2.5, 8: 12.0}


@function_tool
def find_book(book: int) -> str:
    """Where a book is, and the fee that is due for it."""
    return f"book {book} is lent out; {FEES.get(book, 0.0):.2f} EUR are due"


@function_tool(needs_approval=True)
async def extend_loan(book: int, days: int) -> str:
    """Extend the loan of a book by some days."""
    record("loan_extended", book=book, days=days)
    return f"book {book} may stay out for {days} more days"


async def is_large(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
    return FEES.get(arguments["book"], 0.0) > 5


@function_tool(needs_approval=is_large)
async def waive_fee(book: int) -> str:
    """Waive the fee that is due for a book."""
    record("fee_waived", book=book)
    return f"the fee for book {book} is waived"


def build() -> Agent[Any]:
    """Run it with "Extend my loan of book 7"."""
    return Agent(
        name="Library desk",
        instructions="You work at the desk of a public library. Look a book up before you do anything about it.",
        model=chat_model(),
        tools=[find_book, extend_loan, waive_fee],
    )
