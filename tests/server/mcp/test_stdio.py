"""`hitl mcp` as an agent's host runs it: a process of its own, and the official client on its pipes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import ElicitRequestParams, ElicitRequestURLParams, ElicitResult

from tests.cli.shop import Done, Shop, environment

pytestmark = pytest.mark.processes


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.build(tmp_path)


def process(shop: Shop, *arguments: str) -> StdioServerParameters:
    program, *command = shop.command("mcp", *arguments)
    return StdioServerParameters(command=program, args=command, env=environment(), cwd=str(shop.folder))


async def at_a_terminal(shop: Shop, *arguments: str) -> Done:
    """What a person does in a process of their own."""
    done = await asyncio.to_thread(shop.hitl, *arguments)
    assert done.code == 0, done.err
    return done


async def accepts(context: object, params: ElicitRequestParams) -> ElicitResult:
    """A client that says yes to every form, and opens no page."""
    if isinstance(params, ElicitRequestURLParams):
        return ElicitResult(action="decline")
    return ElicitResult(action="accept", content={"decision": "approve"})


DIRECTORY = """
from pathlib import Path

from hitl_core.people import PeopleFile


class AnyCase(PeopleFile):
    async def person(self, id):
        return await super().person(id.lower())


def directory():
    people = Path(__file__).parent / "people.toml"
    people.write_text("[people.host]\\n")
    return AnyCase(people)
"""
ALLOWS_SELF = """
version = "1"

[[rules]]
id = "refunds"
why = "money"
match = { tool = "refund" }
level = "confirm"
approvers = { allow_self = true }
"""


async def test_a_run_is_started_by_an_agent_and_decided_by_a_person_elsewhere(shop: Shop) -> None:
    async with Client(process(shop)) as client:
        said = await called(client, "start_run", input={"do": "pay", "order": "A-7", "amount": 30.5})
        assert said["state"] == "paused"
        (request,) = said["waiting"]
        await at_a_terminal(shop, "respond", request["request"], "approve", "--as", "ann")
        done = await called(client, "wait_for_run", run=said["run"])
    assert (done["state"], done["output"]["done"]) == ("completed", "paid 30.5")
    assert (await at_a_terminal(shop, "runs", said["run"], "--json")).json["started_by"] == "mcp"


async def test_an_agent_that_may_carry_answers_does_not_carry_them_for_its_own(shop: Shop) -> None:
    with shop.config.open("a") as file:
        file.write('\n[server.agents]\nmay_answer = ["mcp"]\n')
    other, _ = await asyncio.to_thread(shop.paused, order="B-8")
    async with Client(process(shop), mode="legacy", elicitation_callback=accepts) as client:
        own = await called(client, "start_run", input={"do": "pay", "order": "A-7", "amount": 30.5})
        assert own["state"] == "paused"
        assert (await called(client, "wait_for_run", run=other))["state"] == "completed"
    assert [line["order"] for line in shop.ledger("refund")] == ["B-8"]


async def test_another_spelling_of_its_name_is_no_other_agent(shop: Shop) -> None:
    """The directory knows people however their names are written, and runs are started under the name that it has."""
    (shop.folder / "staff.py").write_text(DIRECTORY, encoding="utf-8")
    (shop.folder / "policy.toml").write_text(ALLOWS_SELF, encoding="utf-8")
    with shop.config.open("a") as file:
        file.write('[people]\nprovider = "staff:directory"\n[policy]\nfile = "policy.toml"\n')
        file.write('[server.agents]\nmay_answer = ["host", "HOST"]\n')
    async with Client(process(shop, "--as", "HOST"), mode="legacy", elicitation_callback=accepts) as client:
        own = await called(client, "start_run", input={"do": "pay", "order": "A-7", "amount": 30.5})
        again = await called(client, "wait_for_run", run=own["run"])
    assert (own["state"], again["state"], shop.ledger("refund")) == ("paused", "paused", [])


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    said: dict[str, Any] = result.structured_content
    return said
