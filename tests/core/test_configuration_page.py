"""The page about hitl.toml tells the truth: its tables have the keys that the code has, its example loads."""

from __future__ import annotations

import ast
import dataclasses
import re
import tomllib
from collections.abc import Collection
from pathlib import Path

import pytest

from hitl_core.audit.keys import ENVIRONMENT
from hitl_core.config.config import Config
from hitl_core.config.reading import TABLES, TOOL_KEYS, read
from hitl_core.config.serving import AGENTS_KEYS, OIDC_KEYS, PROXY_KEYS, RIGHTS, SERVER_KEYS
from hitl_core.policy.rules import written
from hitl_core.protocol import EffectMode

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = ROOT / "src" / "adapters" / "hitl_adapters"
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
SECTIONS = dict(re.findall(r"^#{2,3} (.+?)\n(.*?)(?=^#{2,3} |\Z)", PAGE, re.DOTALL | re.MULTILINE))
VARIABLES = {"HITL_BACKEND", "HITL_STORE_URL", "HITL_POLICY_FILE", "HITL_APP_VERSION", ENVIRONMENT}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def keys_of(section: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", SECTIONS[section], re.MULTILINE))


def options_of(adapter: str) -> set[str]:
    """The fields of an options class, read and not imported: its framework may be missing here."""
    tree = ast.parse((ADAPTERS / adapter / "adapter.py").read_text(encoding="utf-8"))
    made = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.endswith("Options"))
    return {ast.unparse(node.target) for node in made.body if isinstance(node, ast.AnnAssign)}


@pytest.mark.parametrize(("table", "keys"), [(name, keys) for name, keys in TABLES.items() if keys])
def test_a_table_has_the_keys_that_are_read(table: str, keys: set[str]) -> None:
    assert keys_of(f"[{table}]") == keys


def test_no_table_is_missing_and_none_is_made_up() -> None:
    shown = {title.strip("[]").removesuffix(".NAME") for title in SECTIONS if title.startswith("[")}
    assert shown == set(TABLES)


@pytest.mark.parametrize(
    ("section", "keys"),
    [
        ("Rights", RIGHTS),
        ("OpenID Connect", OIDC_KEYS),
        ("A trusted proxy", PROXY_KEYS),
        ("Clients of other agents", AGENTS_KEYS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_said_of_the_tables_of_the_server(section: str, keys: Collection[str]) -> None:
    assert keys_of(section) == set(keys)


def test_what_is_said_of_tools() -> None:
    assert keys_of("[tools.NAME]") == set(TOOL_KEYS)
    assert {"ledger", "idempotent"} == set(EffectMode) - {EffectMode.TRANSACTIONAL}


@pytest.mark.parametrize("adapter", sorted(path.parent.name for path in ADAPTERS.glob("*/adapter.py")))
def test_the_options_of_the_adapters(adapter: str) -> None:
    assert keys_of(f"Options of `{adapter}`") == options_of(adapter)
    assert f"`{adapter}`" in SECTIONS["[backend]"]


def test_the_variables_that_are_read() -> None:
    assert keys_of("The environment of the process") >= VARIABLES


def test_the_example_gives_every_key_and_loads(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('version = "1"\n', encoding="utf-8")
    (tmp_path / "people.toml").write_text('[people.ann]\nroles = ["lead"]\n', encoding="utf-8")
    (tmp_path / "hitl.toml").write_text(EXAMPLE, encoding="utf-8")
    config = Config.load(tmp_path / "hitl.toml")
    assert (config.app.reference, config.environment, config.channels) == ("desk:build", "production", ("console",))
    assert config.tools["send_email"].keys() == {trait for trait, *_ in TOOL_KEYS.values()}
    assert config.options.keys() == options_of("langgraph")
    assert tomllib.loads(EXAMPLE)["server"].keys() == SERVER_KEYS.keys()
    assert (config.serving.port, config.serving.rights["audit"]) == (8484, ("auditor", "lead"))
    assert read(tmp_path / "hitl.toml").keys() == {each.name for each in dataclasses.fields(Config)}


def test_the_defaults_on_the_page_are_those_of_the_code(tmp_path: Path) -> None:
    (tmp_path / "hitl.toml").write_text('[backend]\nname = "plain"\napp = "desk:app"\n', encoding="utf-8")
    config = Config.load(tmp_path / "hitl.toml")
    defaults = {
        "[store]": {"url": config.store_url},
        "[worker]": {
            "lease": f"{config.lease_seconds:g}",
            "concurrency": str(config.concurrency),
            "tries": str(config.tries),
            "grace": f"{config.grace_seconds:g}",
        },
        "[policy]": {"told": config.told},
        "[server]": {
            "host": config.serving.host,
            "port": str(config.serving.port),
            "undo": f"{config.serving.undo:g}",
            "session": written(config.serving.session),
            "body": str(config.serving.body),
            "patience": f"{config.serving.patience:g}",
            "calls_a_minute": str(config.serving.calls_a_minute),
            "sign_ins_a_minute": str(config.serving.sign_ins_a_minute),
        },
        "[environment]": {"name": config.environment, "tenant": config.tenant},
    }
    for section, values in defaults.items():
        for key, value in values.items():
            assert re.search(rf"^\| `{key}` \|.*\| `{re.escape(value)}` \|$", SECTIONS[section], re.MULTILINE), key
