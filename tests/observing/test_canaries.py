"""What agents and people say, and what opens doors, leaves the process in no log, metric, trace, probe or error.

A canary stands in each such place. Everything happens, and fails, with every observer on; then all that came out is
searched. That the search finds what is there is tried as well: `tell_all` lets the canaries out.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import PATIENCE, environment
from tests.observing.shop import Shop

pytestmark = pytest.mark.processes

CANARY = "canary"
"""In each of them; what follows says where it stood."""

KEY = "ca4a81" * 10 + "ca4a"
"""The secret of the audit trail: 64 hex digits."""

PASSWORD = "canary-password"

APP = '''
from hitl_adapters.plain import Refused, gate


CAUSE, BROKEN = "canary-cause", "canary-of-the-app"


class Declined(Exception):
    """What a tool raises."""


@gate.guard(title="Pay")
async def pay(order: str, card: str, note: str) -> str:
    if note == "canary-of-a-note-that-fails":
        raise Declined(f"{card} of {order} was declined: {note}")
    return f"canary-result of {order}"


async def agent(given):
    if given["do"] == "break":
        try:
            raise KeyError(CAUSE)
        except KeyError as exc:
            raise RuntimeError(BROKEN) from exc
    try:
        said = await pay(given["order"], given["card"], given["note"])
    except Refused as exc:
        return f"canary-output {exc}"
    answer = await gate.ask("canary-question: is that right?")
    return f"canary-output {said} {answer}"
'''

CONFIG = """
[backend]
name = "plain"
app = "{module}:agent"

[store]
url = "{url}"

[tools.pay]
secret = ["card"]
"""

STORY = """
import asyncio, io, json, logging, sys, urllib.error, urllib.request
from contextlib import suppress
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

GIVEN = json.load(sys.stdin)
spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))

from hitl_core import Config, HitlError, Worker, connect
from hitl_core.channels.announcer import Announcer
from hitl_core.cli.watching import Watched
from hitl_core.commands import StopScope
from hitl_core.logs import JsonLines, Placed, tell_all

as_json, as_text = io.StringIO(), io.StringIO()
for stream, formatter in ((as_json, JsonLines()), (as_text, logging.Formatter("%(name)s %(message)s"))):
    handler = logging.StreamHandler(stream)
    handler.addFilter(Placed())
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
logging.getLogger("hitl_core").setLevel(logging.DEBUG)


class Hook:
    name = "hook"

    async def announce(self, request):
        raise ConnectionError("https://hooks.example/canary-token answered 404")


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.read().decode()


def given(do, note="canary-note"):
    return {"do": do, "order": "canary-order", "card": "canary-card", "note": note}


async def story(hitl):
    hitl._announcer._channels = (Hook(),)
    run = await hitl.start(given("pay"), by="ann")
    (request,) = run.pending
    seen = [json.dumps(request.action.arguments)]
    with suppress(HitlError):
        await hitl.respond(request.edit({**request.action.arguments, "order": ["canary-edit"]}, by="bob"))
    await hitl.comment(request.id, "canary-comment", by="bob")
    await hitl.steer(run.id, "canary-guidance", by="bob")
    await hitl.respond(request.approve(by="bob", reason="canary-reason"))
    with suppress(HitlError):
        await hitl.respond(request.reject("canary-late", by="cid"))
    await Worker(hitl).run_until_idle()
    (question,) = (await hitl.run(run.id)).pending
    await hitl.respond(question.answer("canary-answer", by="bob"))
    await Worker(hitl).run_until_idle()
    seen.append(str((await hitl.run(run.id)).output))

    for note, answer in (("canary-note", "reject"), ("canary-of-a-note-that-fails", "approve")):
        run = await hitl.start(given("pay", note))
        more = ("canary-message",) if answer == "reject" else ()
        await hitl.respond(getattr(run.pending[0], answer)(*more, by="bob"))
        await Worker(hitl).run_until_idle()
    seen += [each.error for each in await hitl.effects(run.id)]
    seen.append((await hitl.start(given("break"))).error)

    waiting = await hitl.start(given("pay"))
    await hitl.respond(waiting.pending[0].approve(by="bob"))
    await hitl.stop(StopScope.RUN, waiting.id, by="bob", reason="canary-stop")
    await hitl.stop(StopScope.TOOL, "pay", by="bob", reason="canary-stop")
    for refused in (hitl.resume(waiting.id), hitl.start(given("pay"))):
        with suppress(HitlError):
            await refused
    await Worker(hitl).run_until_idle()
    cancelled = await hitl.cancel(waiting.id, by="bob", reason="canary-cancelled")
    await hitl._background.close()
    await hitl._announcer.close()
    return seen


async def main():
    watched = Watched("0", None, lag=0.0)
    config, out = Config.load(GIVEN["config"]), {}
    async with connect(config, observers=watched.observers) as hitl:
        async def work():
            out["seen"] = await story(hitl)
            import hitl_core.observing.endpoint as room
            (thread,) = [each for each in __import__("threading").enumerate() if each.name == "hitl-endpoint"]
            port = thread._target.__self__.server_address[1]
            for path in ("/metrics", "/healthz", "/readyz"):
                out[path] = await asyncio.to_thread(get, port, path)
            out["otel"] = (await asyncio.to_thread(reader.get_metrics_data)).to_json()
        await watched.during(hitl, work)
        out["spans"] = [each.to_json() for each in spans.get_finished_spans()]
        out["json"], out["text"] = as_json.getvalue(), as_text.getvalue()
        tell_all()
        await hitl.start(given("break"))
        out["told"] = as_json.getvalue()[len(out["json"]):] + as_text.getvalue()[len(out["text"]):]
    print(json.dumps(out))


asyncio.run(main())
"""


@pytest.fixture
def guarded(shop: Shop) -> Shop:
    """The shop with the app of this story, a key in its environment, and a password in its URL where it has one."""
    module = next(shop.folder.glob("desk_*.py"))
    module.write_text(APP, encoding="utf-8")
    url = shop.url.replace("postgres:@", f"postgres:{PASSWORD}@")
    shop.config.write_text(CONFIG.format(module=module.stem, url=url), encoding="utf-8")
    return shop


def run(shop: Shop, *command: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
        env=environment() | {"HITL_AUDIT_KEY": KEY, "HITL_LOG": "json"} | more,
        cwd=shop.folder,
    )


def test_nothing_that_was_said_and_nothing_that_opens_doors_leaves_the_process(guarded: Shop) -> None:
    python = guarded.command()[0]
    done = run(guarded, python, "-P", "-c", STORY, given=json.dumps({"config": str(guarded.config)}))
    assert done.returncode == 0, done.stderr
    out: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    seen, told = "\n".join(out.pop("seen")), out.pop("told")
    for planted in ("order", "note", "result", "answer", "of-a-note-that-fails", "of-the-app"):
        assert f"canary-{planted}" in seen, "it was there, where it is protected"
    assert "canary-card" not in seen, "masked even there"
    assert "canary-of-the-app" in told, "the search would have found it"
    assert "canary-cause" in told

    assert set(out) == {"spans", "json", "text", "/metrics", "/healthz", "/readyz", "otel"}
    assert all(out.values())
    names = {json.loads(span)["name"].split(" ")[0] for span in out["spans"]}
    assert names == {"hitl.run", "hitl.request", "hitl.decide", "invoke_agent", "execute_tool"}
    for failure in ("RuntimeError", "ConnectionError"):
        assert failure in out["json"], "what failed was logged"
    assert "tool_failed" in "".join(out["spans"])
    assert 'hitl_turns_total{outcome="failed"}' in out["/metrics"]
    assert_silent({**out, "standard error": done.stderr})


def test_what_commands_say_beside_their_results_has_none_of_it(guarded: Shop) -> None:
    module = next(guarded.folder.glob("desk_*.py")).stem
    start = ("run", "--input", '{"do": "pay", "order": "canary-order", "card": "canary-card", "note": "canary-note"}')
    said = {"run": run(guarded, *guarded.command("--log", "json", *start, "--json")).stderr}
    broken = run(guarded, *guarded.command("run", "--input", '{"do": "break"}', "--json"))
    assert "RuntimeError" in broken.stderr
    said["broken"] = broken.stderr
    for name, command in (
        ("worker", ("worker", "--until-idle", "--metrics", "0")),
        ("ready", ("doctor", "--ready", "--json")),
        ("top", ("top", "--json")),
        ("doctor", ("doctor", "--json")),
    ):
        done = run(guarded, *guarded.command(*command))
        assert done.stdout
        said[name] = done.stdout + done.stderr
    assert module in said["doctor"]
    for failed in json.loads(run(guarded, *guarded.command("doctor", "--json")).stdout)["work"]["failed"]:
        said["doctor"] = said["doctor"].replace(json.dumps(failed["error"]), "what a run has failed of is with the run")
    assert_silent(said)


URLS = (
    f"postgresql://ann:{PASSWORD}@127.0.0.1:1/desk",
    f"postgresql://ann:{PASSWORD}#x@127.0.0.1:1/desk",
    f"postgresql://ann:{PASSWORD}/x@127.0.0.1:1/desk",
    f"postgresql://ann:x@{PASSWORD}@127.0.0.1:1/desk",
    f"postgresql://127.0.0.1:1/desk?user=ann&password={PASSWORD}",
    f"postgresql://127.0.0.1:1/desk?user=ann&passwort={PASSWORD}",
    f"postgres://ann:{PASSWORD}%zz@127.0.0.1:1/desk",
    f"mysql://ann:{PASSWORD}@127.0.0.1/desk",
)


COMMANDS = (("runs",), ("doctor", "--json"), ("doctor", "--ready"), ("-v", "runs"), ("store", "migrate", "--plan"))

TRIED = """
import json, os, sys
from hitl_core.cli.app import run

for url in json.load(sys.stdin):
    os.environ["HITL_STORE_URL"] = url
    for command in json.loads(sys.argv[1]):
        print("exit status", run([*command, "-c", sys.argv[2]]), flush=True)
"""


def test_no_error_about_a_store_shows_the_password_in_its_url(tmp_path: Path) -> None:
    shop = Shop.build(tmp_path, "sqlite:///hitl.db")
    python, config = shop.command()[0], str(shop.config)
    done = run(shop, python, "-P", "-c", TRIED, json.dumps(COMMANDS), config, given=json.dumps(URLS))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("exit status") == len(URLS) * len(COMMANDS)
    assert "exit status 0" not in done.stdout
    assert_silent({"commands": done.stdout + done.stderr})


def assert_silent(said: dict[str, Any]) -> None:
    found = {
        place: text[max(0, at - 300) : at + 80]
        for place, given in said.items()
        for text in [given if isinstance(given, str) else "\n".join(given)]
        for secret in (CANARY, KEY)
        if (at := text.find(secret)) >= 0
    }
    assert not found, json.dumps(found, indent=2)
