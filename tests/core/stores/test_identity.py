"""Ids as columns: whatever an id is, two of them are never stored alike, and what was stored is read again."""

from __future__ import annotations

import string

from hypothesis import example, given
from hypothesis import strategies as st

from hitl_core.protocol import new_id
from hitl_core.stores.sql.tables import Name, column, packed, text
from hitl_core.testing.clock import START

UUID = new_id(START)


def as_bytes(id: str) -> bytes:
    """As an engine keeps it that keeps all ids as bytes."""
    stored = column(id)
    return packed(stored) if isinstance(stored, Name) else stored


ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.uuids().map(str)


@given(ids)
@example(UUID)
@example(UUID.upper())
@example(string.ascii_letters[:15])
@example("\0" * 15)
@example("")
def test_an_id_is_read_as_it_was_stored(id: str) -> None:
    assert text(column(id)) == text(as_bytes(id)) == id


def test_a_name_is_never_taken_for_a_uuid() -> None:
    assert len(as_bytes(UUID)) == 16
    assert all(len(as_bytes("x" * length)) != 16 for length in range(40))
