"""A store.url that is a server's: it needs no backend here, it needs its extra, and it is no store to be opened."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hitl_core import Config, connect
from hitl_core.clock import SystemClock
from hitl_core.config import open_store, require_store, upkeep_of
from hitl_core.errors import AdapterNotInstalled, ConfigError

SERVER = '[store]\nurl = "https://inbox.example.com"\n'


def written(folder: Path, text: str = SERVER) -> Path:
    file = folder / "hitl.toml"
    file.write_text(text)
    return file


def test_where_the_app_is_elsewhere_none_is_named_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HITL_STORE_URL", raising=False)
    config = Config.load(written(tmp_path, SERVER + 'token_file = "token"\n'))
    assert (config.backend, config.app.reference, config.store_url) == ("", "", "https://inbox.example.com")
    assert config.store_options == {"token_file": "token"}


async def test_without_its_extra_the_pip_line_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("hitl_core.client")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("hitl_core.client", raising=False)
    monkeypatch.setitem(sys.modules, "httpx_sse", None)
    with pytest.raises(AdapterNotInstalled, match=r"pip install 'hitl-core\[client\]'"):
        async with connect(written(tmp_path)):
            pass


async def test_what_works_on_the_store_itself_is_done_where_it_is(tmp_path: Path) -> None:
    config = Config.load(written(tmp_path))
    with pytest.raises(ConfigError, match="do it where the server runs"):
        await open_store(config, SystemClock())
    with pytest.raises(ConfigError, match="do it where the server runs"):
        upkeep_of(config.store_url, config.folder, config.store_options)


def test_what_is_refused_there_is_named() -> None:
    require_store("sqlite:///hitl.db", "a worker")
    with pytest.raises(ConfigError, match="a worker works on the store itself"):
        require_store("https://inbox.example.com", "a worker")
