"""The studio: an agent that publishes, asks, and makes appointments, for pages that show each of CopilotKit's patterns.

Described once, in neutral words; `hitl.toml` says which framework builds it. What really happened is in the ledger, one
JSON line an effect (`STUDIO_LEDGER`, by default `ledger.jsonl` here). The model is any OpenAI-compatible one:
`OPENAI_BASE_URL`, `OPENAI_API_KEY`, `STUDIO_MODEL`.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, Field

from hitl_core import AgentSpec, ModelSpec, Option, Preview, choice, current_call, question, review, tool
from hitl_core.protocol import Arguments


def record(effect: str, arguments: Arguments) -> None:
    """Write one effect to the ledger. The key belongs to the approved call: a second one would show the same."""
    line = json.dumps({"key": current_call().key, "effect": effect, "arguments": arguments}) + "\n"
    path = os.environ.get("STUDIO_LEDGER") or Path(__file__).with_name("ledger.jsonl")
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)


def publishing(arguments: Arguments) -> Preview:
    """What people see before they decide."""
    version, share = str(arguments["version"]), cast("int", arguments["share"])
    return Preview(
        effect=f"Version {version} goes out to {share} % of all readers",
        target="the public site",
        reversible=False,
        warnings=("That is everybody.",) if share == 100 else (),
    )


@tool(reversible=False, risk="public", title="Publish a version", preview=publishing)
def publish(version: str, share: Annotated[int, Field(ge=1, le=100)]) -> str:
    """Publish a version to a share of the readers, in percent. Cannot be taken back."""
    record("publish", {"version": version, "share": share})
    return f"Version {version} is out for {share} % of the readers."


@tool(reversible=True, title="Open a record", tags=["records"])
def open_record(department: str) -> str:
    """Read the record of a department."""
    record("open_record", {"department": department})
    return f"The record of {department} has 3 open invoices."


@tool(reversible=True, title="Take a version down")
def retire(version: str) -> str:
    """Take an older version off the site."""
    record("retire", {"version": version})
    return f"Version {version} is off the site."


class Audience(BaseModel):
    """Whom a campaign reaches."""

    country: Literal["DE", "FR", "US"]
    min_age: Annotated[int, Field(ge=0, le=120, json_schema_extra={"unit": "years"})] = 0
    subscribers_only: bool = False


class Step(BaseModel):
    """One message of a campaign."""

    after: Annotated[int, Field(ge=0, le=90, description="Since the start", json_schema_extra={"unit": "days"})]
    text: str


@tool(reversible=True, title="Start a campaign")
def start_campaign(
    name: str,
    audience: Audience,
    channels: Annotated[list[Literal["mail", "site", "print"]], Field(min_length=1)],
    steps: list[Step],
    budget: Annotated[float, Field(gt=0, le=5000, json_schema_extra={"unit": "EUR"})],
    starts: date,
    note: str | None = None,
) -> str:
    """Tell readers of a version, in several steps."""
    campaign: Arguments = {
        "name": name,
        "audience": audience.model_dump(mode="json"),
        "channels": list(channels),
        "steps": [each.model_dump(mode="json") for each in steps],
        "budget": budget,
        "starts": starts.isoformat(),
        "note": note,
    }
    record("start_campaign", campaign)
    return f"The campaign {name} runs in {audience.country} with {budget:g} EUR."


ask_owner = question("ask_owner", "Ask the owner of the site a question, and get the answer in their words.")

choose_channel = choice(
    "choose_channel",
    "Let the owner choose where a version is announced.",
    options=[
        Option(id="mail", label="By e-mail"),
        Option(id="site", label="On the site"),
        Option(id="none", label="Nowhere"),
    ],
)

review_announcement = review("review_announcement", "Have the owner read an announcement before it goes out.")

SPEC = AgentSpec(
    name="studio",
    instructions=(
        "You look after a web site. Publish what you are asked to, ask the owner what you do not know, and use the "
        "tools of the page for what only its user can say. If a person refuses or changes a call, accept it and say so."
    ),
    tools=(publish, retire, open_record, start_campaign, ask_owner, choose_channel, review_announcement),
    model=ModelSpec(
        name=os.environ.get("STUDIO_MODEL", "gpt-4o-mini"),
        base_url=os.environ.get("OPENAI_BASE_URL") or None,
    ),
)

ATTENDED = replace(SPEC, human="support")
"""With a person to whom it can hand the conversation over; LangGraph has no place for one, and refuses it by name."""
