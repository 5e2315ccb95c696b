"""Kinds of messages are loaded when a route of theirs is configured."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hitl_core.channels.messages import Around, Messages, Route
from hitl_core.channels.messages import sending as module
from hitl_core.channels.messages.sending import sender_of
from hitl_core.config.messages import message_channels
from hitl_core.errors import AdapterNotInstalled
from tests.core.shop import Shop

SLACK = Route("team", "slack", "#approvals", token="t", secret="s")
SENDERS = f"{module.__package__}.senders"


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"{SENDERS}.slack", raising=False)
    monkeypatch.setitem(sys.modules, "slack_sdk", None)
    with pytest.raises(AdapterNotInstalled, match=r"'slack_sdk'.*: pip install 'hitl-core\[notify\]'"):
        sender_of(SLACK)


def test_a_file_of_ours_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"{SENDERS}.slack", None)
    with pytest.raises(ModuleNotFoundError, match=r"senders\.slack"):
        sender_of(SLACK)


async def test_a_configuration_with_routes_has_one_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"{SENDERS}.slack", SimpleNamespace(SlackSender=lambda route: route))
    shop = Shop(tmp_path)
    store = await shop.store()
    around = Around(store, shop.clock, None, "https://inbox.example.com")
    assert message_channels((), around) == []
    (channel,) = message_channels((SLACK,), around)
    assert isinstance(channel, Messages)
    assert channel.name == "messages"
    await store.close()
