"""Bodies: packed by their size, and read whatever they were packed with."""

from __future__ import annotations

import json
import random
import string
import zlib

import pytest

from hitl_core.stores.sql.tables import bodies

LIMIT = bodies.CHECKPOINT_LIMIT


@pytest.mark.parametrize("size", [10, 1023, 1024, 1025, 4095, 4096, 4097, 300_000])
@pytest.mark.parametrize("alphabet", ["x", string.ascii_lowercase, "äöü€𝄞"])
def test_a_body_of_any_size_comes_back_as_it_was(size: int, alphabet: str) -> None:
    value = "".join(random.Random(size).choices(alphabet, k=size))
    body = bodies.pack(value, what="value", limit=LIMIT)
    assert bodies.decode(*body, what="value") == value
    assert len(body.data) <= len(json.dumps(value, ensure_ascii=False).encode())


@pytest.mark.parametrize("level", [0, 3, 9])
def test_a_body_that_an_older_release_packed_is_read(level: int) -> None:
    """Level 3 with zlib's usual window is what the first releases wrote."""
    value = {"memo": "paid back " * 500}
    data = zlib.compress(json.dumps(value).encode(), level)
    assert bodies.decode(bodies.digest_of(data), data, what="value") == value
