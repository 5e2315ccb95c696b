"""The OpenAPI document: it is what is committed, it says all, and the server does what it says, whatever is sent to it.

`HITL_SCHEMATHESIS=200` tries so many cases of each call instead of a few.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from hitl_core.protocol import Approve
from hitl_core.protocol import Response as Answer
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from tests.core.shop import Shop, only
from tests.server.api.calling import Api, api, program
from tests.server.security.fortress import routes_of
from tests.server.site import served
from tests.tree.source import ROOT

EXAMPLES = int(os.environ.get("HITL_SCHEMATHESIS", "4"))
DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if path.startswith("/api/")
]


async def test_the_document_that_is_committed_is_the_one_that_is_served(served_api: Api) -> None:
    stranger = served_api.caller(None)
    answered = await stranger.get("/openapi.json")
    assert answered.json() == DOCUMENT, "run: python scripts/generate_openapi.py"


def test_the_page_lists_the_calls() -> None:
    script = ROOT / "scripts" / "generate_openapi.py"
    done = subprocess.run([sys.executable, str(script), "--check"], check=False)
    assert done.returncode == 0, "run: python scripts/generate_openapi.py"


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_each_call_says_all_of_itself(name: str, operation: dict[str, Any]) -> None:
    assert operation["operationId"]
    assert operation["summary"]
    assert operation["security"]
    assert len(operation["tags"]) == 1
    for each in operation.get("parameters", ()):
        assert each.get("description"), (name, each["name"])
    problems = {status for status in operation["responses"] if not status.startswith(("2", "3"))}
    assert problems >= {"401", "403", "422", "429", "500", "503"}
    assert ("{id}" in name) <= ("404" in problems)
    assert ("requestBody" in operation) <= ({"413", "415"} <= problems)
    for status in problems:
        assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


def test_the_document_has_every_route_for_programs_and_no_other() -> None:
    found = routes_of(create_app(cast("Runtime", _Nothing())))
    routes = {
        f"{method} {path.replace(':path}', '}')}"
        for method, path in found
        if path.startswith("/api/") or path in PROBES
    }
    described = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == routes


class _Nothing:
    """A description needs no runtime."""

    store = clock = None


PROBES = ("/healthz", "/readyz", "/metrics")


@pytest.mark.parametrize("path", PROBES)
def test_probes_say_what_they_answer(path: str) -> None:
    operation = DOCUMENT["paths"][path]["get"]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"] == ["watching"]
    assert {"200"} < set(operation["responses"])
    assert all(_schema_of(each) for each in operation["responses"].values())


def _schema_of(response: dict[str, Any]) -> Any:
    ((_, told),) = response["content"].items()
    return told["schema"]


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_each_call_says_what_it_gives(name: str, operation: dict[str, Any]) -> None:
    (good,) = (each for status, each in operation["responses"].items() if status.startswith("2"))
    ((media, told),) = good["content"].items()
    assert good["description"]
    assert media == "text/event-stream" or told["schema"]["$ref"].startswith("#/components/schemas/")
    assert operation["description"]


def test_names_of_calls_are_unique() -> None:
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


CONFIG = {
    "checks": {
        # A call that is right may say what cannot be; one that is wrong is never 2xx.
        "positive_data_acceptance": {"expected-statuses": ["2xx", 304, 401, 403, 404, 409, 412, 413, 422, 428]},
        "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 406, 412, 413, 415, 422, 428]},
    }
}

some = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

# ── whatever is sent ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Serving:
    """A server in a thread of its own, with something of everything in it."""

    folder: Path
    url: str = ""
    ids: dict[str, list[str]] = field(default_factory=dict)
    wrong: bool = False
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _up: threading.Event = field(default_factory=threading.Event)
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        async with api(Shop(self.folder)) as made:
            made.door.known["fuzz"] = program("ann")
            made.held.set()
            await self._fill(made)
            async with served(made.door) as port:
                self.url = f"http://127.0.0.1:{port}"
                self._up.set()
                await self._end.wait()

    async def _fill(self, made: Api) -> None:
        hitl = made.hitl
        runs = [await hitl.start(each, by="ben") for each in ({}, {"do": "letter"}, {"do": "look"}, {"do": "question"})]
        done = await hitl.start({}, by="ben")
        await hitl.respond(Answer.to(only(done), Approve(), by="carol"))
        runs.append(await hitl.resume(done.id))
        undoing = await hitl.undo(done.id, by="carol")
        requests = [each.id for run in runs for each in run.pending]
        await made.caller(program("ann")).post(
            "/api/grants", json={"allows": {"tool": "look_up"}, "lasts_seconds": 60, "reason": "a test"}
        )
        self.ids = {
            "runs": [*(each.id for each in runs), undoing.run.id],
            "requests": [*requests, only(done).id],
            "grants": [each.id for each in await hitl.grants()],
        }

    def __enter__(self) -> Serving:
        self._thread = threading.Thread(target=self.run, name="served")
        self._thread.start()
        assert self._up.wait(60)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture(scope="module")
def described(serving: Serving) -> Any:
    """The schema, with ids that exist in every other case."""
    schema = schemathesis.openapi.from_url(f"{serving.url}/openapi.json", config=schemathesis.Config.from_dict(CONFIG))
    turn = iter(range(1_000_000_000))

    @schema.hook
    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        if serving.wrong:  # what is wrong with the case may be its id
            return path_parameters
        known = serving.ids.get(context.operation.path.split("/")[2], [])
        number = next(turn)
        if known and number % 3 and path_parameters:
            return {**path_parameters, "id": known[number % len(known)]}
        return path_parameters

    return schema


CALLS = [name for name, _ in OPERATIONS if not name.endswith(("/stream", "/events"))]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", CALLS)
def test_the_server_does_what_the_document_says(
    serving: Serving, described: Any, name: str, mode: schemathesis.GenerationMode
) -> None:
    serving.wrong = mode is schemathesis.GenerationMode.NEGATIVE
    method, _, path = name.partition(" ")
    operation = described[path][method.lower()]

    @some
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case[Any]) -> None:
        if "wait" in case.query and mode is schemathesis.GenerationMode.POSITIVE:
            case.query["wait"] = 0
        case.call_and_validate(headers={"Authorization": "Bearer fuzz"})

    with suppress(Unsatisfiable):  # some calls have nothing that could be wrong
        holds()
