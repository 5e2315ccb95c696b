"""One stretch of the SDK's loop: from an input or a state to its next interruption or its end."""

from __future__ import annotations

from typing import Any

from agents import Agent, RunConfig, Runner, RunResult, RunResultStreaming, RunState

from ..mapping import step_of
from .turn import Current


async def drive(
    now: Current, root: Agent[Any], given: Any, *, config: RunConfig, how: dict[str, Any]
) -> RunResult | RunResultStreaming:
    """Run the agents; live events go to whoever watches. Raises what the SDK raises."""
    how = {**how, "run_config": config}
    if isinstance(given, RunState):
        how.pop("context", None)  # the state was restored with it
    if not now.turn.watched:
        return await Runner.run(root, given, **how)
    result = Runner.run_streamed(root, given, **how)
    async for event in result.stream_events():
        if (step := step_of(now.turn.run.id, event)) is not None:
            now.turn.emit(step)
        elif event.type == "run_item_stream_event":
            now.telling.came([event.item.raw_item])
    return result
