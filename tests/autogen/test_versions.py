"""Only the version whose inside is known; any other, older or newer, is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from autogen_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager

from hitl_adapters.autogen import errors
from hitl_adapters.autogen.suspend import proof, prove
from hitl_core.errors import AdapterTooOld


@pytest.mark.parametrize("found", ["0.7.4", "0.7.6", "0.8.0"])
def test_another_version_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(errors, "version", lambda package: found if package == "autogen-core" else "0.7.5")
    with pytest.raises(AdapterTooOld, match=f"autogen-core {found}; needed is exactly 0.7.5"):
        errors.require_versions()


def test_the_installed_version_is_the_one() -> None:
    errors.require_versions()


async def test_an_autogen_that_does_not_resume_as_believed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a patched build had the right version and another inside."""

    async def selects(self: Any, *args: Any) -> None:
        return None

    monkeypatch.setattr(proof, "_proven", [])
    monkeypatch.setattr(BaseGroupChatManager, "_transition_to_next_speakers", selects)
    with pytest.raises(errors.AutoGenDiffers, match="smallest team"):
        await prove()
