"""`[tools.NAME]` in hitl.toml adds to what a tool declares; it takes nothing away that the policy looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core import AppSource, Config, connect
from hitl_core.errors import ConfigError
from hitl_core.protocol import EffectMode
from tests.core.shop import policy, rule

paid: list[str] = []


@gate.guard(transactional=True, risk="high", tags=["payments"])
def pay(order: str, transaction: Any) -> str:
    paid.append(order)
    return "paid"


def app(input: Any) -> Any:
    try:
        said: str = pay("A-1")  # type: ignore[call-arg]
        return said
    except Refused as exc:
        return str(exc)


NO_PAYMENTS = policy(
    rule("frozen", match={"tags": ["payments"]}, effect="deny"),
    rule("else", match={"tool": "pay"}, level="autonomous", allow_irreversible="a test"),
)


def config(folder: Path, **said: Any) -> Config:
    return Config(
        backend="plain", app=AppSource("shop:app", app), folder=folder, policy=NO_PAYMENTS, tools={"pay": said}
    )


async def test_a_title_leaves_the_tags_that_a_rule_is_about(tmp_path: Path) -> None:
    paid.clear()
    async with connect(config(tmp_path, title="Pay out")) as hitl:
        run = await hitl.start(None)
    assert (run.output, paid) == ("This call is not allowed: frozen says so", [])


async def test_a_mode_that_the_tool_cannot_have_runs_nothing(tmp_path: Path) -> None:
    paid.clear()
    async with connect(config(tmp_path, mode=EffectMode.IDEMPOTENT, tags=())) as hitl:
        with pytest.raises(ConfigError, match="is idempotent here, but the tool is declared transactional"):
            await hitl.start(None)
        assert ((await hitl.runs()).items, paid) == ((), [])


@pytest.mark.parametrize("said", [{"tags": ("harmless",)}, {"risk": "low"}], ids=str)
async def test_what_is_said_counts(tmp_path: Path, said: dict[str, Any]) -> None:
    paid.clear()
    async with connect(config(tmp_path, **said)) as hitl:
        await hitl.start(None)
    assert paid == (["A-1"] if "tags" in said else [])
