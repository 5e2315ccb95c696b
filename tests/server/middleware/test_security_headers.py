"""What browsers are told of every answer: of a page, of a refusal, of an error, of what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_core.config import Serving
from tests.server.middleware.asking import Asking, asking

EXPECTED = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@pytest.mark.parametrize("path", ["/told", "/api/told", "/nowhere", "/breaks", "/careless", "/openapi.json"])
async def test_every_answer_has_them(tmp_path: Path, path: str) -> None:
    async with asking(tmp_path) as ask:
        answered = await ask("GET", path)
    assert {name: answered.headers.get(name) for name in EXPECTED} == EXPECTED
    assert "camera=()" in answered.headers["permissions-policy"]
    assert "unsafe" not in answered.headers["content-security-policy"]


@pytest.mark.parametrize("refused", ["host", "large", "often", "method"])
async def test_so_has_what_a_guard_refuses(tmp_path: Path, refused: str) -> None:
    serving = Serving(url="http://inbox.test", body=1024, calls_a_minute=1)
    async with asking(tmp_path, serving) as ask:
        answered = {
            "host": await ask("GET", "/told", headers={"host": "elsewhere.test"}),
            "large": await ask("POST", "/told", content=b"x" * 2000),
            "often": [await ask("GET", "/told") for _ in range(11)][-1],
            "method": await ask("PATCH", "/told"),
        }[refused]
    assert answered.status_code >= 400
    assert {name: answered.headers.get(name) for name in EXPECTED} == EXPECTED


async def test_what_the_app_says_of_them_does_not_count(tmp_path: Path) -> None:
    async with asking(tmp_path) as ask:
        answered = await ask("GET", "/careless")
    assert answered.headers.get_list("content-security-policy") == [EXPECTED["content-security-policy"]]
    assert answered.headers["x-own"] == "kept"


async def test_only_where_there_is_https_a_browser_is_held_to_it(tmp_path: Path) -> None:
    async def said(url: str, folder: Path) -> str | None:
        async with asking(folder, Serving(url=url)) as ask:
            found: str | None = (await ask("GET", "/told")).headers.get("strict-transport-security")
            return found

    assert await said("http://inbox.test", tmp_path) is None
    assert await said("https://inbox.test", tmp_path) == "max-age=31536000"


async def _asset(ask: Asking) -> str:
    from hitl_core.server.pages.assets import hash_of

    return f"/static/{hash_of('hitl.css')}/hitl.css"


async def test_style_and_script_are_kept_and_what_is_not_there_is_not(tmp_path: Path) -> None:
    async with asking(tmp_path) as ask:
        kept, gone = await ask("GET", await _asset(ask)), await ask("GET", "/static/x/hitl.css")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["x-content-type-options"] == "nosniff"
    assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store")


async def test_below_another_path_style_is_kept_too(tmp_path: Path) -> None:
    async with asking(tmp_path, root_path="/inbox") as ask:
        kept = await ask("GET", f"/inbox{await _asset(ask)}")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
