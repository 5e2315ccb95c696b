"""`docs/lifecycles.md` is what `scripts/generate_lifecycles.py` draws of the tables."""

from __future__ import annotations

from scripts.generate_lifecycles import PAGE, text


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "run: python scripts/generate_lifecycles.py"
