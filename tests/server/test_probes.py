"""Whoever watches the process learns what they need, and others no more than whether it is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_core.config import Proxy, Serving
from hitl_core.server.auth import Right
from tests.server.middleware.asking import asking
from tests.server.site import EVERYTHING, somebody

ALONE = Serving()
HERE: dict[str, Any] = {"peer": "127.0.0.1"}
LOCAL = {"host": "127.0.0.1:8484"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_this_machine_is_told_what_was_looked_at(tmp_path: Path, path: str) -> None:
    async with asking(tmp_path, ALONE, **HERE) as ask:
        answered = await ask("GET", path, headers=LOCAL)
    assert (answered.status_code, answered.json()["ok"]) == (200, True)
    assert "says" in next(iter(answered.json()["checks"].values()))


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_others_are_told_whether_it_is_well(tmp_path: Path, path: str) -> None:
    async with asking(tmp_path) as ask:
        ask.door.now = None
        answered = await ask("GET", path)
    assert (answered.status_code, answered.json()) == (200, {"ok": True})


async def test_without_its_store_it_lives_and_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(tmp_path, ALONE, **HERE) as ask:
        await ask.app.state.site.store.close()
        answered = await ask("GET", "/readyz", headers=LOCAL)
        assert (answered.status_code, answered.json()["checks"]["store"]["ok"]) == (503, False)
        lives = await ask("GET", "/healthz", headers=LOCAL)
        assert lives.json()["checks"]["loop"]["ok"], "whatever has become of the thread of its store"


async def test_this_machine_reads_what_is_measured(tmp_path: Path) -> None:
    async with asking(tmp_path, ALONE, **HERE) as ask:
        nothing = await ask("GET", "/metrics", headers=LOCAL)
        assert (nothing.status_code, "hitl-core[prometheus]" in nothing.text) == (404, True)
        ask.app.state.metrics = _measured
        answered = await ask("GET", "/metrics", headers=LOCAL)
    assert (answered.status_code, answered.text) == (200, "hitl_open 1\n")


@pytest.mark.parametrize(
    ("serving", "peer", "more"),
    [
        (Serving(), "192.0.2.1", {}),
        (Serving(), "127.0.0.1", {"x-forwarded-for": "192.0.2.1"}),
        (Serving(), "127.0.0.1", {"x-real-ip": "192.0.2.1"}),
        (Serving(), "127.0.0.1", {"forwarded": "for=192.0.2.1"}),
        (Serving(url="https://127.0.0.1"), "127.0.0.1", {}),
        (Serving(forwarded=("127.0.0.1",)), "127.0.0.1", {}),
        (Serving(proxy=Proxy(("127.0.0.1",))), "127.0.0.1", {}),
        (Serving(host="0.0.0.0"), "127.0.0.1", {}),
    ],
    ids=[
        "another machine",
        "somebody else's proxy",
        "nginx",
        "RFC 7239",
        "a URL",
        "a proxy",
        "a proxy that signs in",
        "for others",
    ],
)
async def test_behind_a_proxy_nobody_is_this_machine(
    tmp_path: Path, serving: Serving, peer: str, more: dict[str, str]
) -> None:
    async with asking(tmp_path, serving, peer=peer) as ask:
        ask.app.state.metrics, ask.door.now = _measured, None
        assert (await ask("GET", "/metrics", headers={**LOCAL, **more})).status_code == 403
        assert (await ask("GET", "/readyz", headers={**LOCAL, **more})).json() == {"ok": True}


@pytest.mark.parametrize(
    ("come", "status"),
    [
        (somebody("ann"), 200),
        (somebody("ann", tenant="shop"), 403),
        (somebody("ann", rights=EVERYTHING - {Right.AUDIT}), 403),
    ],
    ids=["reads the trail of all", "reads that of a tenant", "reads no trail"],
)
async def test_elsewhere_who_reads_the_trail_of_all_tenants_reads_it(tmp_path: Path, come: Any, status: int) -> None:
    async with asking(tmp_path, come=come) as ask:
        ask.app.state.metrics = _measured
        assert (await ask("GET", "/metrics")).status_code == status


def _measured(headers: Any) -> Any:
    from hitl_core.observing.endpoint import Page

    return Page(b"hitl_open 1\n", "text/plain")
