"""A thread of two runs on any backend: the model is asked the second time with what was said the first time, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from hitl_core import connect
from hitl_core.apps import AgentSpec, AppSource, ModelSpec
from hitl_core.capabilities import Capability
from hitl_core.config import Config
from hitl_core.protocol import Json, Role, Run, RunState
from hitl_core.runtime import Runtime
from hitl_core.testing.scripted_model import Rule, Script, ScriptedModel, When, read_calls

FIRST: Final = "I am Ann."
ANSWER: Final = "Hello Ann."
SECOND: Final = "Who am I?"
SCRIPT: Final = Script(
    rules=(
        Rule(when=When(user=SECOND), say="You said that you are Ann."),
        Rule(when=When(user=FIRST), say=ANSWER),
    )
)


async def said(hitl: Runtime, text: str, thread: str) -> Run:
    """Say something in a thread, with all of it that the app does not know by itself."""
    before = (await hitl.transcript(thread)).items
    await hitl.attach()
    native = hitl.adapter.capabilities[Capability.KEEP_THREADS].level == "native"
    told = () if native else [each for each in before if each.role is not Role.TOOL and each.text]
    messages: list[Json] = [{"role": each.role.value, "content": each.text, "id": each.id} for each in told]
    run = await hitl.start({"messages": [*messages, {"role": "user", "content": text}]}, thread=thread)
    assert run.state is RunState.COMPLETED, run.error
    return run


async def two_runs_are_one_conversation(backend: str, folder: Path, **options: Any) -> None:
    """Another process has the second run. Nothing of it is in a third one of another thread."""
    log = folder / "model.jsonl"
    with ScriptedModel(SCRIPT, log=log, log_bodies=True) as model:
        spec = AgentSpec("desk", "You are the desk.", model=ModelSpec("m", model.base_url, api_key_env="HITL_TEST_KEY"))
        app = AppSource("tests:desk", spec, folder=folder)
        store = f"sqlite:///{folder / 'hitl.db'}"
        config = Config(backend, app, store_url=store, folder=folder, transcripts=True, options=options)
        for text, thread in ((FIRST, "t"), (SECOND, "t"), (FIRST, "u")):
            async with connect(config) as hitl:
                await said(hitl, text, thread)
        async with connect(config) as hitl:
            kept = [(each.role.value, each.text) for each in (await hitl.transcript("t")).items]
            ids = [each.id for thread in ("t", "u") for each in (await hitl.transcript(thread)).items]
    first, second, other = (json.dumps(call.body) for call in read_calls(log) if call.answered)
    assert (first.count(FIRST), first.count(ANSWER)) == (1, 0)
    assert [second.count(each) for each in (FIRST, ANSWER, SECOND)] == [1, 1, 1], second
    assert (other.count(FIRST), other.count(ANSWER), other.count(SECOND)) == (1, 0, 0)
    assert [text for _, text in kept] == [FIRST, ANSWER, SECOND, "You said that you are Ann."]
    assert len(set(ids)) == len(ids)
