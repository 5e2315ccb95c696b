"""The scripted model over raw HTTP: what it answers, refuses, breaks and records."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from hitl_core.testing.scripted_model import (
    Call,
    Conversation,
    Drop,
    Refuse,
    Rule,
    Script,
    ScriptedModel,
    Step,
    When,
    load_script,
    read_calls,
    repeated_calls,
)

Json = dict[str, Any]

PATIENCE = 30.0
"""Seconds: half of what an answer takes that nobody is to wait for, and of what a server sleeps that is to be woken."""

CLIENT = httpx.Client(trust_env=False, timeout=PATIENCE)  # whatever proxy the machine has, loopback needs none

REFUND = Step(call=(Call(name="refund", arguments={"order": "A-1042", "amount": 40}),))
BOTH = Step(
    say="Two things at once.",
    call=(
        Call(name="refund", arguments={"order": "A-1", "amount": 1.5, "notify": True}),
        Call(name="refund", arguments={"order": "A-2", "amount": 2}),
    ),
)


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def body(*messages: Json, model: str = "gpt-test", **more: object) -> Json:
    return {"model": model, "messages": list(messages), **more}


def ask(server: ScriptedModel, *messages: Json, **more: Any) -> Json:
    """The assistant message that answers these messages; fails on an HTTP error."""
    response = post(server, body(*messages, **more))
    assert response.status_code == 200, response.text
    message: Json = response.json()["choices"][0]["message"]
    return message


def post(model: ScriptedModel, content: Json | bytes) -> httpx.Response:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return CLIENT.post(f"{model.base_url}/chat/completions", content=raw)


def refusal(response: httpx.Response) -> Json:
    error: Json = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def result_for(call: Json, text: str) -> Json:
    return {"role": "tool", "tool_call_id": call["id"], "content": text}


def stream(model: ScriptedModel, content: Json) -> list[str]:
    """The data of each server-sent event."""
    with CLIENT.stream("POST", f"{model.base_url}/chat/completions", json=content | {"stream": True}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        return [line.removeprefix("data: ") for line in response.iter_lines() if line]


def chunks(model: ScriptedModel, content: Json) -> list[Json]:
    *events, end = stream(model, content)
    assert end == "[DONE]"
    return [json.loads(event) for event in events]


def joined_calls(events: list[Json]) -> dict[int, Json]:
    """Tool calls put together from their fragments, by index."""
    calls: dict[int, Json] = {}
    for event in events:
        for choice in event["choices"]:
            for part in choice["delta"].get("tool_calls", []):
                call = calls.setdefault(part["index"], {"arguments": ""})
                call |= {key: part[key] for key in ("id", "type") if key in part}
                call |= {"name": part["function"]["name"]} if "name" in part["function"] else {}
                call["arguments"] += part["function"]["arguments"]
    return calls


class TestAnswers:
    def test_a_step_per_assistant_message(self) -> None:
        with ScriptedModel(Script.of(REFUND, Step(say="Done."))) as model:
            first = ask(model, user("refund A-1042"))
            call = first["tool_calls"][0]
            second = ask(model, user("refund A-1042"), first, result_for(call, "ok"))
        assert first["content"] is None
        assert call["type"] == "function"
        assert call["function"]["name"] == "refund"
        assert json.loads(call["function"]["arguments"]) == {"order": "A-1042", "amount": 40}
        assert second["content"] == "Done."
        assert "tool_calls" not in second

    def test_whole_completion_has_openais_shape(self) -> None:
        with ScriptedModel(Script.of(Step(say="Hello there."))) as model:
            completion = post(model, body(user("hi"))).json()
        assert set(completion) == {"id", "object", "created", "model", "choices", "usage"}
        assert completion["object"] == "chat.completion"
        assert completion["model"] == "gpt-test"
        assert completion["choices"][0]["finish_reason"] == "stop"
        usage = completion["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["completion_tokens"] == 3  # twelve characters

    def test_parallel_calls_have_ids_of_their_own(self) -> None:
        with ScriptedModel(Script.of(BOTH)) as model:
            completion = post(model, body(user("both"))).json()
        first, second = completion["choices"][0]["message"]["tool_calls"]
        assert first["id"] != second["id"]
        assert completion["choices"][0]["finish_reason"] == "tool_calls"
        assert completion["choices"][0]["message"]["content"] == "Two things at once."

    def test_same_request_same_ids_whatever_else_differs(self, tmp_path: Path) -> None:
        with ScriptedModel(Script.of(BOTH)) as model:
            once = ask(model, user("both"))
            streamed = joined_calls(chunks(model, body(user("both"))))
            other = ask(model, user("something else"))
        with ScriptedModel(Script.of(BOTH)) as model:
            after_restart = ask(model, user("both"))
        ids = [call["id"] for call in once["tool_calls"]]
        assert ids == [call["id"] for call in after_restart["tool_calls"]]
        assert ids == [call["id"] for call in streamed.values()]
        assert not set(ids) & {call["id"] for call in other["tool_calls"]}

    def test_repeated_ids_when_asked_for(self) -> None:
        with ScriptedModel(Script.of(BOTH, REFUND, call_ids="repeat")) as model:
            first = ask(model, user("both"))
            results = [result_for(call, "ok") for call in first["tool_calls"]]
            second = ask(model, user("both"), first, *results)
        assert [call["id"] for call in first["tool_calls"]] == ["call_0", "call_1"]
        assert [call["id"] for call in second["tool_calls"]] == ["call_0"]

    def test_malformed_arguments_are_sent_as_written(self) -> None:
        with ScriptedModel(Script.of(Step(call=(Call(name="refund", arguments='{"order": '),)))) as model:
            message = ask(model, user("go"))
        assert message["tool_calls"][0]["function"]["arguments"] == '{"order": '

    def test_values_from_the_conversation(self) -> None:
        looked_up = Call(name="look", arguments={"query": "{{input}}", "deep": [{"q": "<{{ input }}>", "n": 1}]})
        with ScriptedModel(Script.of(Step(call=(looked_up,)), Step(say="Found {{tool_result}}."))) as model:
            first = ask(model, user("A-1"))
            call = first["tool_calls"][0]
            last = ask(model, user("A-1"), first, result_for(call, "a parcel"))
        assert json.loads(call["function"]["arguments"]) == {"query": "A-1", "deep": [{"q": "<A-1>", "n": 1}]}
        assert last["content"] == "Found a parcel."

    def test_content_in_parts_reads_as_its_text(self) -> None:
        image = {"type": "image_url", "image_url": {"url": "data:,"}}
        parts = {
            "role": "user",
            "content": [{"type": "text", "text": "A"}, image, {"type": "text", "text": "-1"}],
        }
        with ScriptedModel(Script.of(Step(say="{{input}}"))) as model:
            assert ask(model, parts)["content"] == "A-1"

    def test_models_are_those_the_script_speaks_of(self) -> None:
        script = Script(
            conversations=(Conversation(name="helper", model="small", steps=(Step(say="ok"),)),),
            rules=(Rule(when=When(model="large"), say="ok"), Rule(when=When(model="small"), say="ok")),
        )
        with ScriptedModel(script) as model, ScriptedModel(Script.of(REFUND)) as unnamed:
            listed = CLIENT.get(f"{model.base_url}/models").json()
            default = CLIENT.get(f"{unnamed.base_url}/models").json()
        assert [entry["id"] for entry in listed["data"]] == ["small", "large"]
        assert [entry["id"] for entry in default["data"]] == ["scripted"]


class TestRules:
    def test_first_match_wins_before_steps(self) -> None:
        script = Script.of(
            Step(say="by step"),
            Rule(when=When(user="refund"), say="by first rule"),
            Rule(when=When(user="refund A"), say="never"),
        )
        with ScriptedModel(script) as model:
            assert ask(model, user("refund A-1"))["content"] == "by first rule"
            assert ask(model, user("hello"))["content"] == "by step"

    @pytest.mark.parametrize(
        "when",
        [
            When(user="A-1"),
            When(system="careful"),
            When(tool="refund"),
            When(tool_result="declined"),
            When(tool="refund", tool_result="declined"),
            When(model="gpt-test"),
            When(turn=1),
        ],
    )
    def test_each_condition_matches(self, when: When) -> None:
        assert _after_a_declined_refund(when) == 200

    @pytest.mark.parametrize(
        "when",
        [
            When(user="A-2"),
            When(system="careless"),
            When(tool="look"),
            When(tool_result="granted"),
            When(tool="refund", tool_result="hello"),
            When(model="gpt"),
            When(turn=0),
            When(turn=1, user="A-2"),
        ],
    )
    def test_each_condition_holds_back(self, when: When) -> None:
        assert _after_a_declined_refund(when) == 400

    def test_results_the_model_has_spoken_about_are_over(self) -> None:
        script = Script.of(Rule(when=When(tool="refund"), say="Refunded."), Rule(when=When(turn=0), **_refund()))
        with ScriptedModel(script) as model:
            asked = ask(model, user("go"))
            answered = ask(model, user("go"), asked, result_for(asked["tool_calls"][0], "ok"))
            history = [user("go"), asked, result_for(asked["tool_calls"][0], "ok"), answered, user("again")]
            assert refusal(post(model, body(*history)))["code"] == "no_scripted_step"

    def test_conversations_by_system_prompt_and_model(self) -> None:
        script = Script(
            conversations=(
                Conversation(name="critic", system="You criticise", steps=(Step(say="Hm."),)),
                Conversation(name="small", model="small", steps=(Step(say="Short."),)),
            ),
            steps=(Step(say="Main."),),
        )
        with ScriptedModel(script) as model:
            assert ask(model, {"role": "developer", "content": "You criticise."}, user("x"))["content"] == "Hm."
            assert ask(model, user("x"), model="small")["content"] == "Short."
            assert ask(model, user("x"))["content"] == "Main."
            assert [entry.step for entry in model.calls] == [
                "critic.steps.0",
                "small.steps.0",
                "main.steps.0",
            ]


def _refund() -> dict[str, Any]:
    return {"call": REFUND.call}


def _after_a_declined_refund(when: When) -> int:
    """The status for a conversation where one of two tool results is a declined refund."""
    asked = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "refund", "arguments": "{}"}},
            {"id": "2", "type": "function", "function": {"name": "greet", "arguments": "{}"}},
        ],
    }
    results = [result_for({"id": "1"}, "declined by a person"), result_for({"id": "2"}, "hello")]
    system = {"role": "system", "content": "Be careful."}
    with ScriptedModel(Script.of(Rule(when=when, say="ok"))) as model:
        return post(model, body(system, user("refund A-1"), asked, *results)).status_code


class TestStreams:
    def test_text_in_several_deltas(self) -> None:
        text = "Refunded: 40 € for order A-1042, as you wished."
        with ScriptedModel(Script.of(Step(say=text))) as model:
            events = chunks(model, body(user("hi")))
        deltas = [event["choices"][0]["delta"] for event in events]
        assert deltas[0] == {"role": "assistant", "content": ""}
        assert [event["choices"][0]["finish_reason"] for event in events] == [None] * (len(events) - 1) + ["stop"]
        pieces = [delta["content"] for delta in deltas[1:-1]]
        assert len(pieces) > 2
        assert "".join(pieces) == text
        assert all("usage" not in event for event in events)
        assert len({(event["id"], event["created"], event["model"]) for event in events}) == 1

    @pytest.mark.parametrize(("text", "pieces"), [("", 0), ("a", 1), ("ab", 2)])
    def test_short_texts(self, text: str, pieces: int) -> None:
        with ScriptedModel(Script.of(Step(say=text))) as model:
            events = chunks(model, body(user("hi")))
        assert len(events) == pieces + 2

    def test_parallel_calls_in_fragments(self) -> None:
        with ScriptedModel(Script.of(BOTH)) as model:
            whole = ask(model, user("both"))
            events = chunks(model, body(user("both")))
        calls = joined_calls(events)
        assert [calls[index]["id"] for index in (0, 1)] == [call["id"] for call in whole["tool_calls"]]
        assert json.loads(calls[0]["arguments"]) == {"order": "A-1", "amount": 1.5, "notify": True}
        assert json.loads(calls[1]["arguments"]) == {"order": "A-2", "amount": 2}
        assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"

    def test_usage_chunk_when_asked_for(self) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            whole = post(model, body(user("go"))).json()
            *events, last = chunks(model, body(user("go"), stream_options={"include_usage": True}))
        assert last["choices"] == []
        assert last["usage"] == whole["usage"]
        assert all(event["usage"] is None for event in events)


class TestRefusals:
    def test_a_request_without_a_step_says_which(self) -> None:
        with ScriptedModel(Script.of(Step(say="Only once."))) as model:
            history = [user("hi"), {"role": "assistant", "content": "Only once."}, user("and now?")]
            response = post(model, body(*history))
        assert response.status_code == 400
        error = refusal(response)
        assert error["code"] == "no_scripted_step"
        assert error["type"] == "invalid_request_error"
        for fact in ("'gpt-test'", "3 messages", "1 of them", "'and now?'", "'main'", "0 rules and 1 steps"):
            assert fact in error["message"]

    def test_a_request_no_conversation_fits(self) -> None:
        only = Conversation(name="critic", system="You criticise", steps=(Step(say="Hm."),))
        with ScriptedModel(Script(conversations=(only,))) as model:
            response = post(model, body(user("hi")))
        assert response.status_code == 400
        assert "['critic']" in refusal(response)["message"]

    def test_a_value_the_conversation_lacks(self) -> None:
        with ScriptedModel(Script.of(Step(say="{{tool_result}}"))) as model:
            response = post(model, body(user("hi")))
            assert refusal(response)["code"] == "no_scripted_step"
            assert "main.steps.0 needs 'tool_result'" in refusal(response)["message"]
            assert [entry.status for entry in model.calls] == [400]

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (b"", "invalid_json"),
            (b"{", "invalid_json"),
            (b"\xff\xfe{}", "invalid_json"),
            (b"[" * 100_000, "invalid_json"),
            (b"[1]", "invalid_json"),
            (b"{}", "invalid_request"),
            (b'{"model": "m", "messages": []}', "invalid_request"),
            (b'{"model": "m", "messages": "hi"}', "invalid_request"),
            (b'{"model": "m", "messages": [{"content": "hi"}]}', "invalid_request"),
            (b'{"model": "m", "n": 2, "messages": [{"role": "user", "content": "hi"}]}', "invalid_request"),
            (b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}', "invalid_json"),
            (b'{"model": "m", "messages": ' + b"[" * 900 + b"]" * 900 + b"}", "invalid_request"),
        ],
    )
    def test_malformed_requests(self, raw: bytes, code: str) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            response = post(model, raw)
            assert [(entry.status, entry.digest, entry.step) for entry in model.calls] == [(400, None, None)]
        assert response.status_code == 400
        assert refusal(response)["code"] == code

    def test_all_faults_at_once(self) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            message = refusal(post(model, b'{"messages": [{"role": 1}]}'))["message"]
        assert "model: " in message
        assert "messages.0.role: " in message

    def test_a_tool_call_without_its_result(self) -> None:
        with ScriptedModel(Script.of(BOTH, Step(say="Done."))) as model:
            asked = ask(model, user("both"))
            first, second = asked["tool_calls"]
            partly = post(model, body(user("both"), asked, result_for(first, "ok")))
            interrupted = post(model, body(user("both"), asked, result_for(first, "ok"), user("?"), user("??")))
            whole = post(model, body(user("both"), asked, result_for(second, "ok"), result_for(first, "ok")))
        assert refusal(partly)["code"] == refusal(interrupted)["code"] == "unpaired_tool_messages"
        assert second["id"] in refusal(partly)["message"]
        assert whole.status_code == 200

    def test_a_tool_result_without_its_call(self) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            response = post(model, body(user("hi"), result_for({"id": "call_x"}, "ok")))
        assert refusal(response)["code"] == "unpaired_tool_messages"

    def test_an_oversized_body(self) -> None:
        with ScriptedModel(Script.of(REFUND), max_body_bytes=1000) as model:
            response = post(model, body(user("x" * 2_000_000)))
            assert [entry.status for entry in model.calls] == [413]
        assert response.status_code == 413
        assert refusal(response)["code"] == "request_too_large"

    def test_a_body_without_a_length(self) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            response = CLIENT.post(f"{model.base_url}/chat/completions", content=iter([b"{}"]))
        assert response.status_code == 411

    @pytest.mark.parametrize(("method", "path"), [("GET", "/chat/completions"), ("POST", "/responses")])
    def test_unknown_places(self, method: str, path: str) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            response = CLIENT.request(method, f"{model.base_url}{path}", json={})
            assert model.calls == ()
        assert response.status_code == 404
        assert path in refusal(response)["message"]


class TestFaults:
    def test_an_error_each_time(self) -> None:
        with ScriptedModel(Script.of(Step(fault=Refuse(status=500)))) as model:
            responses = [post(model, body(user("hi"))) for _ in range(2)]
        assert [response.status_code for response in responses] == [500, 500]
        assert refusal(responses[0])["type"] == "server_error"
        assert "retry-after" not in responses[0].headers

    def test_an_error_the_first_times_also_across_restarts(self, tmp_path: Path) -> None:
        log = tmp_path / "calls.jsonl"
        script = Script.of(Step(say="At last.", fault=Refuse(status=429, retry_after=1.5, times=2)))
        with ScriptedModel(script, log=log) as model:
            first = post(model, body(user("hi")))
        with ScriptedModel(script, log=log) as model:
            second = post(model, body(user("hi")))
            other = post(model, body(user("another")))
            third = ask(model, user("hi"))
            assert not repeated_calls(model.calls)
        assert [response.status_code for response in (first, second, other)] == [429, 429, 429]
        assert first.headers["retry-after"] == "2"
        assert first.headers["retry-after-ms"] == "1500"
        assert refusal(first)["type"] == "rate_limit_error"
        assert third["content"] == "At last."

    def test_a_stream_cut_after_some_chunks(self) -> None:
        script = Script.of(Step(say="A long enough answer.", fault=Drop(drop_after=2, times=1)))
        events: list[str] = []
        with ScriptedModel(script) as model:
            with pytest.raises(httpx.RemoteProtocolError):
                events.extend(_events_until_cut(model, body(user("hi"), stream=True), events))
            assert len(chunks(model, body(user("hi")))) > 2
            assert [(entry.status, entry.dropped) for entry in model.calls] == [(200, True), (200, False)]
            assert not repeated_calls(model.calls)
        assert len(events) == 2

    def test_a_whole_answer_cut(self) -> None:
        script = Script.of(Step(say="Hello.", fault=Drop(drop_after=0)))
        with ScriptedModel(script) as model, pytest.raises(httpx.RemoteProtocolError):
            post(model, body(user("hi")))

    def test_a_delay(self) -> None:
        with ScriptedModel(Script.of(Step(say="Hello.", delay_ms=40))) as model:
            began = time.monotonic()
            ask(model, user("hi"))
        assert time.monotonic() - began >= 0.04


def _events_until_cut(model: ScriptedModel, content: Json, events: list[str]) -> Iterator[str]:
    with CLIENT.stream("POST", f"{model.base_url}/chat/completions", json=content) as response:
        for line in response.iter_lines():
            if line:
                events.append(line)
    yield from ()


class TestCallLog:
    def test_an_entry_per_call(self, tmp_path: Path) -> None:
        log = tmp_path / "calls.jsonl"
        with ScriptedModel(Script.of(REFUND), log=log) as model:
            ask(model, user("hi"))
            post(model, b"{")
            assert read_calls(log) == model.calls
        first, second = read_calls(log)
        assert (first.number, first.model, first.messages, first.step) == (1, "gpt-test", 1, "main.steps.0")
        assert (first.status, first.answered, first.body) == (200, True, None)
        assert first.digest is not None
        assert len(first.digest) == 64
        assert first.at.utcoffset() is not None
        assert (second.number, second.status, second.answered) == (2, 400, False)

    def test_written_before_the_answer_leaves(self, tmp_path: Path) -> None:
        log = tmp_path / "calls.jsonl"
        model = ScriptedModel(Script.of(Step(say="Too late.", delay_ms=60_000)), log=log)
        with model, _in_background(lambda: post(model, body(user("hi")))):
            _wait_until(lambda: log.exists() and len(read_calls(log)) == 1)
            model.stop()

    def test_bodies_only_when_asked_for(self, tmp_path: Path) -> None:
        content = body(user("hi"), temperature=0)
        with ScriptedModel(Script.of(REFUND), log_bodies=True) as model:
            post(model, content)
            assert model.calls[0].body == content

    def test_numbers_go_on_after_a_restart(self, tmp_path: Path) -> None:
        log = tmp_path / "calls.jsonl"
        for _ in range(2):
            with ScriptedModel(Script.of(REFUND), log=log) as model:
                ask(model, user("hi"))
        assert [entry.number for entry in read_calls(log)] == [1, 2]
        assert model.calls == read_calls(log)

    def test_repeated_calls_names_the_identical_ones(self) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            for text in ("a", "b", "a", "c", "a"):
                ask(model, user(text))
            ask(model, user("b"), model="another")
            (group,) = repeated_calls(model.calls)
        assert [entry.number for entry in group] == [1, 3, 5]

    def test_identical_whatever_the_order_of_keys(self) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            post(model, b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}')
            post(model, b'{"messages": [{"content":"hi","role":"user"}], "model": "m", "stream": true}')
            assert len(repeated_calls(model.calls)) == 1

    def test_a_line_still_being_written_is_left_out(self, tmp_path: Path) -> None:
        log = tmp_path / "calls.jsonl"
        with ScriptedModel(Script.of(REFUND), log=log) as model:
            ask(model, user("hi"))
        with log.open("ab") as file:
            file.write(b'{"number": 2')
        assert [entry.number for entry in read_calls(log)] == [1]
        with pytest.raises(ValueError, match="half a line"):
            ScriptedModel(Script.of(REFUND), log=log)

    def test_another_kind_of_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "notes").write_text("hello\n")
        with pytest.raises(ValueError, match="CallEntry"):
            ScriptedModel(Script.of(REFUND), log=tmp_path / "notes")

    def test_many_clients_at_once(self, tmp_path: Path) -> None:
        log = tmp_path / "calls.jsonl"

        async def all_at_once(base_url: str) -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=200)
            async with httpx.AsyncClient(limits=limits, timeout=PATIENCE, trust_env=False) as client:
                posts = (client.post(f"{base_url}/chat/completions", json=body(user(str(n)))) for n in range(200))
                return await asyncio.gather(*posts)

        with ScriptedModel(Script.of(REFUND), log=log) as model:
            responses = asyncio.run(all_at_once(model.base_url))
        assert {response.status_code for response in responses} == {200}
        assert [entry.number for entry in read_calls(log)] == list(range(1, 201))
        assert not repeated_calls(read_calls(log))


class TestServer:
    def test_stops_at_once_whatever_is_under_way(self) -> None:
        model = ScriptedModel(Script.of(Step(say="Too late.", delay_ms=60_000)))
        with model, _in_background(lambda: post(model, body(user("hi")))), _a_mute_client(model):
            _wait_until(lambda: len(model.calls) == 1)
            began = time.monotonic()
            model.stop()
            assert time.monotonic() - began < PATIENCE, "it waited for the answers"
        assert not [thread for thread in threading.enumerate() if thread.name == "scripted-model"]

    def test_stops_while_every_place_is_taken(self) -> None:
        model = ScriptedModel(Script.of(Step(say="Too late.", delay_ms=60_000)))
        with model:
            clients = [threading.Thread(target=_shrug, args=(model,)) for _ in range(80)]
            for client in clients:
                client.start()
            _wait_until(lambda: len(model.calls) == 64)
            began = time.monotonic()
            model.stop()
            assert time.monotonic() - began < PATIENCE, "it waited for the answers"
        for client in clients:
            client.join()
        assert len(model.calls) == 64

    def test_start_and_stop_by_hand_and_again(self) -> None:
        model = ScriptedModel(Script.of(Step(say="Hello.")))
        for _ in range(2):
            model.start()
            model.start()
            assert ask(model, user("hi"))["content"] == "Hello."
            model.stop()
            model.stop()
        assert len(model.calls) == 2
        with pytest.raises(RuntimeError, match="not running"):
            _ = model.base_url

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::1", "example.org"])
    def test_loopback_only(self, host: str) -> None:
        with pytest.raises(ValueError, match=host):
            ScriptedModel(Script.of(REFUND), host=host)

    def test_localhost_is_loopback(self) -> None:
        with ScriptedModel(Script.of(REFUND), host="localhost") as model:
            assert model.base_url.startswith("http://127.0.0.1:")

    def test_a_client_that_leaves_early_harms_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        with ScriptedModel(Script.of(Step(say="x" * 300_000), Step(say="Hello."))) as model:
            url = f"{model.base_url}/chat/completions"
            with CLIENT.stream("POST", url, json=body(user("hi"), stream=True)) as response:
                next(response.iter_raw())
            assert ask(model, user("hi"), {"role": "assistant", "content": "x"})["content"] == "Hello."
        assert capfd.readouterr().err == ""


@contextmanager
def _a_mute_client(model: ScriptedModel) -> Iterator[None]:
    """A client that announces a body and never sends it."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", httpx.URL(model.base_url).port or 0)) as connection:
        connection.sendall(head)
        yield
        with suppress(ConnectionResetError):  # closed as well, with what it had sent unread
            assert connection.recv(1) == b""


def _shrug(model: ScriptedModel) -> None:
    with pytest.raises((httpx.HTTPError, RuntimeError)):
        post(model, body(user("hi")))


@contextmanager
def _in_background(action: Any) -> Iterator[None]:
    """Run an HTTP call in a thread; whatever becomes of it is none of the test's business."""

    def run() -> None:
        with suppress(httpx.HTTPError):
            action()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


JSON_SCRIPT = """
{
  "call_ids": "repeat",
  "conversations": [{"name": "critic", "system": "You criticise", "steps": [{"say": "Hm."}]}],
  "rules": [{"when": {"tool": "refund", "tool_result": "declined"}, "say": "I will not."}],
  "steps": [
    {"call": [{"name": "refund", "arguments": {"order": "A-1042", "amount": 40}}], "delay_ms": 5},
    {"say": "Done: {{tool_result}}", "fault": {"status": 429, "retry_after": 0.01, "times": 1}},
    {"say": "Bye.", "fault": {"drop_after": 3}}
  ]
}
"""

TOML_SCRIPT = """
call_ids = "repeat"
[[conversations]]
name = "critic"
system = "You criticise"
steps = [{ say = "Hm." }]

[[rules]]
when = { tool = "refund", tool_result = "declined" }
say = "I will not."

[[steps]]
delay_ms = 5
[[steps.call]]
name = "refund"
arguments = { order = "A-1042", amount = 40 }

[[steps]]
say = "Done: {{tool_result}}"
fault = { status = 429, retry_after = 0.01, times = 1 }

[[steps]]
say = "Bye."
fault = { drop_after = 3 }
"""


class TestScriptFiles:
    def test_json_and_toml_say_the_same_as_python(self, tmp_path: Path) -> None:
        (tmp_path / "s.json").write_text(JSON_SCRIPT)
        (tmp_path / "s.toml").write_text(TOML_SCRIPT)
        expected = Script(
            call_ids="repeat",
            conversations=(Conversation(name="critic", system="You criticise", steps=(Step(say="Hm."),)),),
            rules=(Rule(when=When(tool="refund", tool_result="declined"), say="I will not."),),
            steps=(
                Step(call=REFUND.call, delay_ms=5),
                Step(say="Done: {{tool_result}}", fault=Refuse(status=429, retry_after=0.01, times=1)),
                Step(say="Bye.", fault=Drop(drop_after=3)),
            ),
        )
        assert load_script(tmp_path / "s.json") == expected
        assert load_script(tmp_path / "s.toml") == expected
        assert Script.model_validate_json(expected.model_dump_json()) == expected

    def test_another_suffix_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "s.yaml").write_text("")
        with pytest.raises(ValueError, match=r"\.yaml"):
            load_script(tmp_path / "s.yaml")

    @pytest.mark.parametrize(
        ("script", "fault"),
        [
            ({}, "empty"),
            ({"steps": [{}]}, "needs `say`"),
            ({"steps": [{"fault": {"status": 500, "times": 1}}]}, "needs `say`"),
            ({"steps": [{"fault": {"drop_after": 1}}]}, "needs `say`"),
            ({"steps": [{"say": "hi", "fault": {"status": 200}}]}, "greater than or equal to 400"),
            ({"steps": [{"say": "hi", "wait": 1}]}, "wait"),
            ({"steps": [{"say": "{{inptu}}"}]}, "inptu"),
            ({"steps": [{"call": [{"name": "x", "arguments": {"a": [{"b": "{{nothing}}"}]}}]}]}, "nothing"),
            ({"steps": [{"call": [{"name": "", "arguments": {}}]}]}, "name"),
            ({"rules": [{"say": "hi"}]}, "when"),
            ({"conversations": [{"name": "a"}]}, "neither rules nor steps"),
            (
                {"conversations": [{"name": "main", "steps": [{"say": "x"}]}], "steps": [{"say": "y"}]},
                "repeat",
            ),
        ],
    )
    def test_faults_are_found_when_it_is_loaded(self, script: Json, fault: str) -> None:
        with pytest.raises(ValidationError, match=fault):
            Script.model_validate(script)

    def test_an_empty_rule_matches_everything(self) -> None:
        with ScriptedModel(Script.of(Rule(when=When(), say="Whatever."))) as model:
            assert ask(model, {"role": "system", "content": "x"})["content"] == "Whatever."


@pytest.mark.processes
class TestProcess:
    def test_serves_until_told_to_stop(self, tmp_path: Path) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            process = _start(tmp_path)
            base_url = _first_line(process)
            response = CLIENT.post(f"{base_url}/chat/completions", json=body(user("hi")))
            assert response.json()["choices"][0]["finish_reason"] == "tool_calls"
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE)
            assert (process.returncode, out, err) == (0, "", "")
        assert [entry.number for entry in read_calls(tmp_path / "calls.jsonl")] == [1, 2]

    def test_a_killed_server_leaves_its_log_and_its_successor_answers_alike(self, tmp_path: Path) -> None:
        answers = []
        for _ in range(2):
            process = _start(tmp_path, "--log-bodies")
            response = CLIENT.post(f"{_first_line(process)}/chat/completions", json=body(user("hi")))
            answers.append(response.json()["choices"])
            process.kill()
            process.communicate(timeout=PATIENCE)
        assert answers[0] == answers[1]
        entries = read_calls(tmp_path / "calls.jsonl")
        assert [(entry.number, entry.body) for entry in entries] == [(n, body(user("hi"))) for n in (1, 2)]
        assert len(repeated_calls(entries)) == 1

    def test_what_it_cannot_use_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "script.json").write_text('{"steps": [{}]}')
        process = _start(tmp_path, write=False)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (2, "")
        assert "needs `say`" in err

    def test_a_taken_port_is_said(self, tmp_path: Path) -> None:
        with ScriptedModel(Script.of(REFUND)) as model:
            port = model.base_url.removesuffix("/v1").rpartition(":")[2]
            process = _start(tmp_path, "--port", port)
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (2, "")
        assert "in use" in err


def _start(folder: Path, *options: str, write: bool = True) -> subprocess.Popen[str]:
    script = folder / "script.json"
    if write:
        script.write_text(JSON_SCRIPT)
    command = [sys.executable, "-m", "hitl_core.testing.scripted_model", str(script)]
    command += ["--log", str(folder / "calls.jsonl"), *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | _import_path()
    )


def _import_path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line.startswith("http://127.0.0.1:"), process.stderr and process.stderr.read()
    return line
