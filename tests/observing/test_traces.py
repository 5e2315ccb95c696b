"""One trace from the agent's step to the request, the answer and the resume, in three processes, by the real SDK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from hitl_core.observing.spans import SPANS
from tests.observing.shop import Shop

pytestmark = pytest.mark.processes

TRACED = """
import asyncio, json, sys
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

from hitl_core import Worker, connect


def told(span):
    context = span.get_span_context()
    return {
        "name": span.name,
        "kind": span.kind.name.lower(),
        "trace": context.trace_id,
        "id": context.span_id,
        "parent": span.parent.span_id if span.parent else None,
        "links": [link.context.span_id for link in span.links],
        "attributes": dict(span.attributes),
        "status": [span.status.status_code.name, span.status.description],
        "events": [event.name for event in span.events],
        "seconds": (span.end_time - span.start_time) / 1e9,
    }


def measured(found):
    scopes = [scope for each in found.resource_metrics for scope in each.scope_metrics] if found else []
    return {
        metric.name: [
            [dict(point.attributes), getattr(point, "value", None) or getattr(point, "count", 0)]
            for point in metric.data.data_points
        ]
        for scope in scopes
        for metric in scope.metrics
    }


async def main():
    tracer = trace.get_tracer("a program")
    said = {}
    async with connect(GIVEN["config"]) as hitl:
        with tracer.start_as_current_span(GIVEN["work"]):
            said = await WORK[GIVEN["work"]](hitl) or {}
        metrics_now = await asyncio.to_thread(reader.get_metrics_data)
    print(json.dumps({**said, "spans": list(map(told, spans.get_finished_spans())), "metrics": measured(metrics_now)}))


async def start(hitl):
    run = await hitl.start({"order": "A-1042", "amount": 48.5})
    return {"run": run.id, "requests": [each.id for each in run.pending]}


async def answer(hitl):
    request = (await hitl.request(GIVEN["request"])).request
    await hitl.respond(getattr(request, GIVEN.get("how", "approve"))(by="ann"))


async def refused(hitl):
    request = (await hitl.request(GIVEN["request"])).request
    try:
        await hitl.respond(request.reject(by="bob"))
    except Exception as exc:
        return {"refused": type(exc).__name__}


async def work(hitl):
    return {"turns": await Worker(hitl).run_until_idle()}


WORK = {"start": start, "answer": answer, "refused": refused, "work": work}
asyncio.run(main())
"""


Span = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What each process has said: one that starts, one that answers, one that works, one that answers too late."""

    shop: Shop
    began: Any
    answered: Any
    worked: Any
    late: Any

    @property
    def agent(self) -> str:
        return f"{next(self.shop.folder.glob('desk_*.py')).stem}:agent"

    def spans(self) -> list[Span]:
        return [span for each in (self.began, self.answered, self.worked, self.late) for span in each["spans"]]


@pytest.fixture(scope="module")
def story(told_shop: Shop) -> Story:
    began = told_shop.python(TRACED, work="start")
    (request,) = began["requests"]
    answered = told_shop.python(TRACED, work="answer", request=request)
    worked = told_shop.python(TRACED, work="work")
    return Story(told_shop, began, answered, worked, told_shop.python(TRACED, work="refused", request=request))


def only(said: Any, name: str) -> Span:
    one: Span
    (one,) = [span for span in said["spans"] if span["name"] == name]
    return one


def test_one_trace_leads_through_three_processes(story: Story) -> None:
    assert story.worked["turns"] == 1
    assert (story.shop.folder / "ledger").read_text() == "A-1042\n"
    began, answered, worked, turn_name = story.began, story.answered, story.worked, f"invoke_agent {story.agent}"
    started, run, turn = only(began, "start"), only(began, "hitl.run"), only(began, turn_name)
    asked, decided = only(began, "hitl.request approval"), only(answered, "hitl.decide")
    resumed, carried = only(worked, turn_name), only(worked, "execute_tool refund")
    chain = (started, run, turn, asked, decided, resumed, carried)
    parents = [None, started["id"], run["id"], turn["id"], asked["id"], run["id"], resumed["id"]]
    assert {span["trace"] for span in chain} == {started["trace"]}
    assert [span["parent"] for span in chain] == parents
    assert decided["links"] == [only(answered, "answer")["id"]], "the work in which the answer was taken"
    assert resumed["links"] == [asked["id"], only(worked, "work")["id"]], "what it goes on with"
    assert [each["attributes"]["hitl.turn.outcome"] for each in (turn, resumed)] == ["paused", "completed"]
    assert [each["attributes"]["hitl.turn"] for each in (turn, resumed)] == [1, 2]
    assert carried["attributes"] == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "refund",
        "gen_ai.tool.call.id": "refund#1",
        "hitl.run.id": began["run"],
        "hitl.request.id": began["requests"][0],
        "hitl.effect.mode": "ledger",
        "hitl.effect.state": "executed",
    }


def test_what_was_refused_is_said_by_its_kind(story: Story) -> None:
    span = only(story.late, "hitl.decide")
    assert story.late["refused"] == "AlreadyDecided"
    assert (span["status"], span["events"]) == (["ERROR", None], [])
    assert span["attributes"]["error.type"] == "HITL-D03"


def test_what_is_measured_goes_there_too(story: Story) -> None:
    found = story.worked["metrics"]
    assert found["hitl.requests.decided"] == [[{"outcome": "approve", "level": "confirm"}, 1]]
    assert found["hitl.turns"] == [[{"outcome": "completed"}, 1]]
    assert found["hitl.resume.lag"] == [[{}, 1]]
    assert [{"level": "confirm"}, 0] in found["hitl.open.requests"]
    assert [{"state": "executed"}, 1] in found["hitl.effects"]


def test_every_span_is_in_the_table_with_all_of_its_attributes(story: Story) -> None:
    ours = [span for span in story.spans() if span["name"] not in ("start", "answer", "work", "refused")]
    for span in ours:
        kind = SPANS[span["name"].split(" ")[0]]
        assert span["attributes"].keys() <= set(kind.attributes), span["name"]
        assert span["kind"] == kind.kind
