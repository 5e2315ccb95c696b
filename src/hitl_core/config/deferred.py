"""An adapter that is loaded when it is first needed: to read the inbox and to answer, no framework is imported."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from ..capabilities import Capabilities
from ..contracts import Adapter, Ending, Finding, Turn, formats_of, tool_faults_of
from ..errors import Fault
from ..protocol import ClientTool, Json, Run


class DeferredAdapter:
    """Stands for the adapter that `load` gives; raises what `load` raises when it is first worked with."""

    def __init__(self, name: str, load: Callable[[], Adapter]) -> None:
        self.name = name
        self._load = load

    @cached_property
    def loaded(self) -> Adapter:
        """The adapter itself."""
        return self._load()

    @property
    def capabilities(self) -> Capabilities:
        return self.loaded.capabilities

    @property
    def formats(self) -> tuple[str, ...]:
        return formats_of(self.loaded)

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        return tool_faults_of(self.loaded, tools)

    async def attach(self) -> tuple[Finding, ...]:
        return await self.loaded.attach()

    async def advance(self, turn: Turn) -> Ending:
        return await self.loaded.advance(turn)

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        await self.loaded.cancel(run, checkpoint)

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        return await self.loaded.rewind(run, checkpoint)

    async def close(self) -> None:
        """Nothing to close unless it was loaded."""
        if "loaded" in vars(self):
            await self.loaded.close()
