"""The action: what the agent wants to do."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from pydantic import Field

from .canonical import canonical, sha256
from .record import Arguments, Name, Record

PAYLOAD_LIMIT: Final = 65_536
"""Bytes of canonical JSON that the arguments of one action may have."""


class Origin(Record):
    """Where an action comes from. `path` names the agents from the root down to the one that acts."""

    agent: Name | None = None
    path: tuple[Name, ...] = ()

    @property
    def agents(self) -> tuple[str, ...]:
        """Every agent that has to do with the action, each once, the root first."""
        return tuple(dict.fromkeys((*self.path, *((self.agent,) if self.agent else ()))))


class Action(Record):
    """A tool call that has not run yet.

    `definition` is the digest of the tool's definition, where the adapter knows it: a tool that is redefined
    between approval and run no longer matches what was approved.
    """

    tool: Name
    arguments: Arguments = Field(default_factory=dict)
    definition: str | None = None
    origin: Origin = Origin()

    @cached_property
    def digest(self) -> str:
        """`sha256:…` over the RFC 8785 form of tool, arguments and definition.

        Raises NotCanonical or TooLarge: such an action is refused before anything is stored.
        """
        shown = {"tool": self.tool, "arguments": self.arguments, "definition": self.definition}
        return sha256(canonical(shown, what="action", limit=PAYLOAD_LIMIT))

    def edited(self, arguments: Arguments) -> Action:
        """The same tool from the same place with other arguments; the tool itself cannot be edited."""
        return Action(tool=self.tool, arguments=arguments, definition=self.definition, origin=self.origin)
