"""`docs/protocol/schema/` is what `scripts/generate_schema.py` makes of the records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hitl_core.protocol import Action, Because, Kind, Level, PauseRequest, Reply
from scripts.generate_schema import FOLDER, pages

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_schema_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run: python scripts/generate_schema.py"


def test_there_is_no_other_schema() -> None:
    assert set(FOLDER.glob("*")) == PAGES.keys(), "run: python scripts/generate_schema.py"


@pytest.mark.parametrize("text", PAGES.values(), ids=[path.name for path in PAGES])
def test_a_schema_is_valid(text: str) -> None:
    Draft202012Validator.check_schema(json.loads(text))


def test_a_stored_request_fits_its_schema() -> None:
    action = Action(tool="issue_refund", arguments={"order": "A-1042", "amount": 40})
    request = PauseRequest(
        id="0190-1",
        run_id="0190-0",
        call="tools/1",
        kind=Kind.APPROVAL,
        level=Level.CONFIRM,
        title="Pay money back",
        action=action,
        digest=action.digest,
        allowed=(Reply.APPROVE, Reply.REJECT),
        because=Because(rule="default", version="1", why="No rule is about this."),
        created_at="2026-11-22T03:00:00Z",  # type: ignore[arg-type]
    )
    schema = json.loads(PAGES[FOLDER / "pause_request.json"])
    Draft202012Validator(schema).validate(json.loads(request.to_json()))
