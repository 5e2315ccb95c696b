"""`hitl serve` with [server.apps]: pages talk to every app by its name, and whatever they began goes on afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_core.a2a.mounting import CARD
from tests.agui.page import events_in
from tests.cli.shop import PATIENCE, Configured, Shop, eventually
from tests.server.a2a import client as a2a
from tests.server.mcp import client as mcp
from tests.server.served import Served

pytestmark = pytest.mark.processes

Serve = Callable[..., Served]
APPS = """
from hitl_adapters.plain import gate
from {module} import look_up, refund


async def desk(given):
    said = given["messages"][-1]["content"]
    gate.say(f"desk: {{said}}")
    if said == "nothing":
        return "desk has nothing to do"
    answer = await gate.ask("Shall I?")
    await gate.step(look_up)
    return answer


async def payments(given):
    said = given["messages"][-1]["content"]
    gate.say(f"payments: {{said}}")
    return str(await refund("A-2", 10.0))
"""
ONE = """
[backend]
name = "plain"
app = "{module}_apps:{app}"

[store]
url = "sqlite:///hitl.db"

[transcripts]
keep = true
"""
SERVER = """
[server]
copilotkit = "desk"

[server.apps]
payments = "payments.toml"
"""
AGENTS = "[server.agents]\na2a = true\nmcp = true\n"


class Payments(Configured):
    """The same folder by the file of the other app."""

    @property
    def config(self) -> Path:
        return self.folder / "payments.toml"


@pytest.fixture
def shop_of_two(shop: Shop) -> Shop:
    (shop.folder / f"{shop.module}_apps.py").write_text(APPS.format(module=shop.module))
    shop.config.write_text(ONE.format(module=shop.module, app="desk") + SERVER)
    (shop.folder / "payments.toml").write_text(ONE.format(module=shop.module, app="payments"))
    return shop


def post(browser: httpx.Client, agent: str, text: str = "") -> list[dict[str, Any]]:
    said = [{"id": f"m-{text}", "role": "user", "content": text}] if text else []
    body = {"threadId": f"t-{agent}", "runId": "r", "messages": said, "tools": [], "context": []}
    answer = browser.post(f"/copilotkit/agent/{agent}/{'run' if text else 'connect'}", json=body)
    assert answer.status_code == 200, answer.text
    return events_in(answer.text)


def pages_at(found: Served, shop: Shop) -> httpx.Client:
    rights = ("--right", "requests", "--right", "start")
    token = shop.hitl("token", "make", "pages", "--as", "ann", *rights, "--json").json["token"]
    return httpx.Client(base_url=found.url, headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE)


def answer_all(shop: Shop) -> None:
    for each in shop.hitl("inbox", "--json").json["requests"]:
        answer = ("approve",) if each["kind"] == "approval" else ("answer", "--message", "yes")
        assert shop.hitl("respond", each["id"], *answer, "--as", "ben").code == 0


def ended(found: Served) -> None:
    found.process.send_signal(signal.SIGTERM)
    code, err = found.ended()
    assert (code, "Traceback" in err) == (0, False), err


def test_each_app_is_an_agent_and_its_runs_go_on_in_whatever_process_has_it(shop_of_two: Shop, served: Serve) -> None:
    """What one server has begun is gone on with by a worker of the app's own file, and by the next server's workers."""
    shop = shop_of_two
    found = served(shop)
    with pages_at(found, shop) as browser:
        assert list(browser.get("/copilotkit/info").json()["agents"]) == ["desk", "payments"]
        for agent in ("desk", "payments"):
            assert f"{agent}: hello" in str(post(browser, agent, "hello"))
    ended(found)
    answer_all(shop)
    done = Payments(shop.folder).hitl("worker", "--until-idle")
    assert (done.code, len(shop.ledger("refund")), len(shop.ledger("look_up"))) == (0, 1, 0), done.err
    found = served(shop)
    with pages_at(found, shop) as browser:
        assert "paid 10.0" in str(post(browser, "payments"))
        assert "payments: again" in str(post(browser, "payments", "again"))
        answer_all(shop)
        eventually(lambda: len(shop.ledger("look_up")) == 1, "the worker of desk")
        eventually(lambda: len(shop.ledger("refund")) == 2, "the worker of payments")
    ended(found)
    runs = [(each["app"].partition(":")[2], each["state"]) for each in shop.hitl("runs", "--json").json["runs"]]
    assert sorted(runs) == [("desk", "completed"), *[("payments", "completed")] * 2]


def test_each_app_is_an_agent_to_other_agents(shop_of_two: Shop, served: Serve) -> None:
    shop = shop_of_two
    shop.config.write_text(shop.config.read_text().replace('copilotkit = "desk"', "") + AGENTS)
    found = served(shop)
    token = shop.hitl("token", "make", "planner", "--of", "planner", "--right", "start", "--as", "ann", "--json")
    asyncio.run(called_as_agents(found.url, token.json["token"]))
    answer_all(shop)
    eventually(lambda: len(shop.ledger("refund")) == 2, "the worker of payments")
    ended(found)


async def called_as_agents(url: str, token: str) -> None:
    """The server's card is that of its own app; each address starts runs of its app."""
    given = {"messages": [{"role": "user", "content": "nothing"}]}
    async with a2a.calling(url, token) as desk, a2a.calling(url, token, at="/a2a/payments") as payments:
        assert payments.card.name == "payments"
        assert a2a.output_of(await desk.start(**given)) == "desk has nothing to do"
        (asked,) = a2a.requests_in(await payments.start(**given))
        assert asked["tool"] == "refund"
    async with httpx.AsyncClient(base_url=url) as anybody:
        (root, own, beside) = [(await anybody.get(f"{at}{CARD}")).json() for at in ("", "/a2a", "/a2a/payments")]
        assert (root, own == beside) == (own, False)
        assert {each["url"].partition("/a2a")[2] for each in beside["supportedInterfaces"]} == {"/payments"}
    async with mcp.calling(url, token) as (desk_tools, _), mcp.calling(url, token, at="/mcp/payments") as (tools, _):
        assert (await desk_tools.run("start_run", input=given))["output"] == "desk has nothing to do"
        assert (await tools.run("start_run", input=given))["state"] == "paused"


def test_what_does_not_fit_together_is_not_served(shop_of_two: Shop) -> None:
    shop = shop_of_two
    file = shop.folder / "payments.toml"
    file.write_text(file.read_text().replace("keep = true", "keep = false"))
    done = shop.hitl("serve", "--port", "0")
    assert done.code != 0
    assert "server.apps.payments: transcripts.keep" in done.err
