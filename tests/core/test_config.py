"""hitl.toml: what it may say, every fault at once, what the environment replaces, and what comes of it."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain.adapter import CAPABILITIES
from hitl_core.channels.console import ConsoleChannel
from hitl_core.config import Config, connect, make_adapter, make_channels, open_store, typed_options, upkeep_of
from hitl_core.errors import AdapterNotFound, ConfigError
from hitl_core.protocol import EffectMode
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.clock import START, ManualClock
from hitl_core.tools import Catalogue

MINIMAL = '[backend]\nname = "plain"\napp = "desk:app"\n'
WHOLE = """
[backend]
name = "plain"
app = "desk:app"
options = { }

[store]
url = "sqlite:///desk.db"
audit_key = "keys/desk.key"

[policy]
file = "policy.toml"

[worker]
lease = 5
concurrency = 2

[channels]
names = ["console"]

[tools.refund]
effect = "idempotent"
reversible = false
risk = "money"
tags = ["refunds"]
title = "Pay back"
secret = ["card", "cards.*.pin"]

[redact]
paths = ["password"]

[environment]
name = "production"
tenant = "shop"
"""

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HITL_BACKEND", "HITL_STORE_URL", "HITL_POLICY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "hitl.toml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def faults(file: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as refused:
        Config.load(file)
    return {fault.path.removeprefix(f"{file.name}: "): fault.problem for fault in refused.value.faults}


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_least_that_a_file_says(write: Write, tmp_path: Path) -> None:
    config = Config.load(write(MINIMAL))
    assert (config.backend, config.app.reference, config.store_url) == ("plain", "desk:app", "sqlite:///hitl.db")
    assert (config.lease_seconds, config.concurrency, config.channels) == (30.0, 4, ())
    assert (config.environment, config.tenant, config.folder) == ("default", "default", tmp_path)
    assert (config.policy.rules, config.policy_file) == ((), None)


def test_all_that_a_file_can_say(write: Write, tmp_path: Path) -> None:
    write('version = "7"\n', "policy.toml")
    config = Config.load(write(WHOLE))
    assert (config.store_url, dict(config.store_options)) == ("sqlite:///desk.db", {"audit_key": "keys/desk.key"})
    assert (config.policy.version, config.policy_file) == ("7", tmp_path / "policy.toml")
    assert (config.lease_seconds, config.concurrency, config.channels) == (5.0, 2, ("console",))
    assert (config.environment, config.tenant) == ("production", "shop")
    assert config.tools["refund"] == {
        "mode": EffectMode.IDEMPOTENT,
        "reversible": False,
        "risk": "money",
        "tags": ("refunds",),
        "title": "Pay back",
        "secret": ("card", "cards.*.pin"),
    }
    assert config.redact == ("password",)


@pytest.mark.parametrize("paths", ['"card"', '["card", ""]', '["a..b"]', '["a."]', "[1]"])
def test_a_place_that_is_none_is_a_fault(write: Write, paths: str) -> None:
    found = faults(write(f"{MINIMAL}[redact]\npaths = {paths}\n[tools.pay]\nsecret = {paths}\n"))
    assert found.keys() == {"redact.paths", "tools.pay.secret"}
    assert all("a list of places" in problem for problem in found.values())


def test_a_tool_is_only_told_what_stands_in_the_file(write: Write) -> None:
    config = Config.load(write(f'{MINIMAL}[tools.refund]\ntitle = "Pay out"\n[tools.mail]\n'))
    assert config.tools == {"refund": {"title": "Pay out"}, "mail": {}}


def test_how_long_history_is_kept_is_a_duration(write: Write) -> None:
    assert Config.load(write(MINIMAL)).history == timedelta(days=366)
    assert Config.load(write(f'{MINIMAL}[policy]\nhistory = "30d"\n')).history == timedelta(days=30)
    for nonsense in ('"for ever"', '"367d"', "30"):
        assert faults(write(f"{MINIMAL}[policy]\nhistory = {nonsense}\n")).keys() == {"policy.history"}


def test_how_long_a_run_is_left_as_it_is_is_a_duration_and_nothing_that_a_store_is_opened_with(write: Write) -> None:
    assert Config.load(write(MINIMAL)).retention is None
    config = Config.load(write(f'{MINIMAL}[store]\nretention = "90d"\n'))
    assert (config.retention, dict(config.store_options)) == (timedelta(days=90), {})
    assert faults(write(f'{MINIMAL}[store]\nretention = "long"\n')).keys() == {"store.retention"}


async def test_what_a_store_does_not_have_is_a_fault(write: Write, tmp_path: Path) -> None:
    config = Config.load(write(f'{MINIMAL}[store]\nlisten = "postgresql://desk/hitl"\n'))
    with pytest.raises(ConfigError, match=r"store\.listen: is nothing that SqliteStore has"):
        await open_store(config, ManualClock())
    with pytest.raises(ConfigError, match=r"store\.listen"):
        upkeep_of(config.store_url, config.folder, config.store_options)
    assert os.listdir(tmp_path) == ["hitl.toml"]


def test_a_store_that_has_no_upkeep_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="a store in memory"):
        upkeep_of("sqlite://", tmp_path, {})
    monkeypatch.delattr(SqliteStore, "upkeep")
    with pytest.raises(ConfigError, match="is for SqliteStore, which has no upkeep of its own"):
        upkeep_of("sqlite:///hitl.db", tmp_path, {})


def test_how_often_people_reject_the_same_call_is_a_number(write: Write) -> None:
    assert Config.load(write(MINIMAL)).rejected_in_a_row == 3
    assert Config.load(write(f"{MINIMAL}[policy]\nrejected_in_a_row = 0\n")).rejected_in_a_row == 0
    for nonsense in ('"3"', "-1", "101", "true"):
        assert faults(write(f"{MINIMAL}[policy]\nrejected_in_a_row = {nonsense}\n")).keys() == {
            "policy.rejected_in_a_row"
        }


def test_a_spec_may_stand_in_the_place_of_an_app(write: Write) -> None:
    config = Config.load(write('[backend]\nname = "plain"\nspec = "desk:SPEC"\n'))
    assert config.app.reference == "desk:SPEC"


# ── the environment ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_environment_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write('version = "staging"\n', "staging.toml")
    monkeypatch.setenv("HITL_BACKEND", "langgraph")
    monkeypatch.setenv("HITL_STORE_URL", "sqlite:///other.db")
    monkeypatch.setenv("HITL_POLICY_FILE", "staging.toml")
    config = Config.load(write(WHOLE))
    assert (config.backend, config.store_url) == ("langgraph", "sqlite:///other.db")
    assert (config.policy.version, config.policy_file) == ("staging", tmp_path / "staging.toml")


def test_the_caller_wins_over_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_BACKEND", "langgraph")
    assert Config.load(write(MINIMAL), backend="crewai").backend == "crewai"


# ── refusing ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_fault_is_reported_at_once(write: Write) -> None:
    found = faults(
        write(
            """
            [backend]
            nam = "plain"
            [stor]
            [policy]
            file = "missing.toml"
            [worker]
            lease = "long"
            concurrency = 0
            [tools.refund]
            effect = "transactional"
            risky = true
            """
        )
    )
    assert set(found) - {""} == {
        "backend.nam",
        "stor",
        "backend.name",
        "backend.app",
        "worker.lease",
        "worker.concurrency",
        "tools.refund.risky",
        "tools.refund.effect",
    }


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("[stor]", "stor", "did you mean 'store'?"),
        ("[app]\nsize = 1", "app", "is not a key that exists"),
        ("[backend]\nnmae = 1", "backend.nmae", "did you mean 'name'?"),
        ("[worker]\nzzz = 1", "worker.zzz", "known: concurrency, grace, lease, tries"),
        ("[tools.refund]\nefect = 1", "tools.refund.efect", "did you mean 'effect'?"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(write: Write, text: str, path: str, hint: str) -> None:
    assert hint in faults(write(text))[path]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('store = "sqlite:///x.db"', "store"),
        ("[backend]\nname = 1", "backend.name"),
        ("[backend]\nname = ''", "backend.name"),
        ("[backend]\napp = 1", "backend.app"),
        ('[backend]\noptions = "fast"', "backend.options"),
        ('[backend]\napp = "a:b"\nspec = "a:c"', "backend.spec"),
        ("[store]\nurl = 1", "store.url"),
        ("[policy]\nfile = 1", "policy.file"),
        ("[worker]\nlease = 0.1", "worker.lease"),
        ("[worker]\nlease = 3601", "worker.lease"),
        ("[worker]\nlease = true", "worker.lease"),
        ("[worker]\nlease = nan", "worker.lease"),
        ("[worker]\nconcurrency = 0", "worker.concurrency"),
        ("[worker]\nconcurrency = true", "worker.concurrency"),
        ("[worker]\nconcurrency = 1.5", "worker.concurrency"),
        ('[channels]\nnames = "console"', "channels.names"),
        ("[channels]\nnames = [1]", "channels.names"),
        ("[environment]\nname = 1", "environment.name"),
        ("[environment]\ntenant = ''", "environment.tenant"),
        ("[tools]\nrefund = 1", "tools.refund"),
        ("[tools.refund]\neffect = 'maybe'", "tools.refund.effect"),
        ("[tools.refund]\nreversible = 'no'", "tools.refund.reversible"),
        ("[tools.refund]\nrisk = 1", "tools.refund.risk"),
        ("[tools.refund]\ntags = 'money'", "tools.refund.tags"),
        ("[tools.refund]\ntitle = 1", "tools.refund.title"),
    ],
    ids=lambda value: value.replace("\n", " "),
)
def test_a_value_of_the_wrong_type_is_refused(write: Write, text: str, path: str) -> None:
    assert path in faults(write(text))


def test_a_fault_in_the_policy_stops_everything(write: Write) -> None:
    write('[[rules]]\nid = "r"\nlevel = "reckless"\n', "policy.toml")
    with pytest.raises(ConfigError, match=r"policy\.toml:3: rules\[0\]\.level: 'reckless'"):
        Config.load(write(f'{MINIMAL}[policy]\nfile = "policy.toml"\n'))


def test_a_policy_that_is_missing_is_named(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read"):
        Config.load(write(f'{MINIMAL}[policy]\nfile = "missing.toml"\n'))


@pytest.mark.parametrize("content", [b"[backend", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "hitl.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"hitl\.toml"):
        Config.load(tmp_path / "hitl.toml")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist; `hitl demo` shows a complete one"):
        Config.load(tmp_path / "hitl.toml")


# ── what comes of it ─────────────────────────────────────────────────────────────────────────────────────────


async def test_connect_opens_a_runtime_and_closes_it(write: Write) -> None:
    clock = ManualClock()
    async with connect(write(MINIMAL), clock=clock) as runtime:
        assert runtime.adapter.name == "plain"
        assert (runtime.settings.app, runtime.settings.tenant) == ("desk:app", "default")
        assert (await runtime.runs()).items == ()
    assert clock.now() == START
    assert (write(MINIMAL).parent / "hitl.db").exists()


async def test_connect_takes_a_configuration_made_in_code(write: Write) -> None:
    async with connect(Config.load(write(MINIMAL))) as runtime:
        assert runtime.adapter.name == "plain"


async def test_the_caller_wins_over_a_configuration_made_in_code(write: Write) -> None:
    config = Config.load(write(MINIMAL))
    async with connect(config, backend="langgraph") as runtime:
        assert runtime.adapter.name == "langgraph"
    with pytest.raises(AdapterNotFound, match="'nothing'"):
        async with connect(config, backend="nothing"):
            pass


async def test_an_unknown_backend_or_store_is_refused(write: Write) -> None:
    with pytest.raises(AdapterNotFound, match="'nothing'"):
        async with connect(write(MINIMAL), backend="nothing"):
            pass
    with pytest.raises(AdapterNotFound, match="'mysql'"):
        async with connect(write(MINIMAL + '[store]\nurl = "mysql://x"\n')):
            pass


def test_an_option_that_an_adapter_does_not_have_is_refused(write: Write) -> None:
    config = Config.load(write('[backend]\nname = "plain"\napp = "desk:app"\noptions = { fast = true }\n'))
    with pytest.raises(ConfigError, match=r"backend.options \(plain\).fast: is not a key that exists"):
        make_adapter(config, Catalogue())


def test_options_are_a_typed_class() -> None:
    from dataclasses import dataclass

    @dataclass
    class Options:
        size: int
        speed: int = 1

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("size must not be negative")

    def made(**given: Any) -> Any:
        return typed_options(Options, given, "backend.options")

    assert made(size=2) == Options(2)
    with pytest.raises(ConfigError, match=r"backend\.options\.sped: is not a key that exists; did you mean 'speed'"):
        made(size=2, sped=3)
    with pytest.raises(ConfigError, match=r"backend\.options: size must not be negative"):
        made(size=-1)
    with pytest.raises(ConfigError, match=r"backend.options: .*missing 1 required"):
        made()


def test_channels_are_made_by_name(write: Write) -> None:
    (channel,) = make_channels(Config.load(write(f'{MINIMAL}[channels]\nnames = ["console"]\n')))
    assert isinstance(channel, ConsoleChannel)


def test_an_unknown_channel_is_refused(write: Write) -> None:
    with pytest.raises(AdapterNotFound, match="'pigeon'"):
        make_channels(Config.load(write(f'{MINIMAL}[channels]\nnames = ["pigeon"]\n')))


async def test_what_an_adapter_can_do_is_known_before_any_run(write: Write) -> None:
    async with connect(write(MINIMAL)) as runtime:
        assert runtime.adapter.capabilities is CAPABILITIES


# ── the undo of a tool ───────────────────────────────────────────────────────────────────────────────────────


def test_the_undo_of_a_tool_is_loaded_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))
    tool = '[tools.refund]\nundo = "undo_desk:take_back"\nundo_window = "24h"\ncompensates = "the fee stays"\n'
    (tmp_path / "hitl.toml").write_text(MINIMAL + tool)
    traits = Catalogue(overrides=Config.load(tmp_path / "hitl.toml").tools).traits("refund")
    assert (traits.undo_window, traits.compensates) == (timedelta(days=1), "the fee stays")
    assert traits.undo is not None
    with pytest.raises(ConfigError, match=r"tools\.refund\.undo: there is no module"):
        traits.undo("paid")
    (tmp_path / "undo_desk.py").write_text("take_back = 7\n")
    importlib.invalidate_caches()
    with pytest.raises(ConfigError, match="is not a function"):
        inspect.signature(traits.undo)
    sys.modules["undo_desk"].take_back = lambda receipt: f"took back {receipt}"  # type: ignore[attr-defined]  # a test
    assert (traits.undo("paid"), list(inspect.signature(traits.undo).parameters)) == ("took back paid", ["receipt"])


@pytest.mark.parametrize(("key", "value"), [("undo", "take_back"), ("undo", ":x"), ("undo_window", "soon")])
def test_an_undo_that_cannot_be_meant_is_refused(tmp_path: Path, key: str, value: str) -> None:
    (tmp_path / "hitl.toml").write_text(f'{MINIMAL}[tools.refund]\n{key} = "{value}"\n')
    with pytest.raises(ConfigError, match=rf"tools\.refund\.{key}: must be"):
        Config.load(tmp_path / "hitl.toml")
