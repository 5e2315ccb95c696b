"""Shared drafts for the prompt: the store is open only while a version is read or kept."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol import Arguments, DraftVersion, PauseRequest, Responder
from .opening import Opening


@dataclass(frozen=True, slots=True)
class StoredDrafts:
    """The drafts in the store of a configuration."""

    opening: Opening

    def versions(self, request: PauseRequest) -> tuple[DraftVersion, ...]:
        """The versions of a draft as they are now, oldest first."""
        return self.opening.do(lambda hitl: hitl.draft(request.id))

    def change(self, request: PauseRequest, arguments: Arguments, *, base: int, by: Responder) -> DraftVersion:
        """Keep the next version. Raises ResponseRefused."""
        return self.opening.do(lambda hitl: hitl.change_draft(request.id, arguments, base=base, by=by))
