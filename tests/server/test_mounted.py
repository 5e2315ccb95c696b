"""The page on serving says how the inbox is mounted in an application of one's own: it works as it stands there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.shop import Shop

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
(SNIPPET,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
INDENT = "    "


async def asked(outer: Any) -> tuple[httpx.Response, httpx.Response]:
    """Somebody who has not signed in, and somebody whose page leads here under another name."""
    transport = httpx.ASGITransport(outer)
    async with httpx.AsyncClient(transport=transport, base_url="https://example.com") as client:
        here = await client.get("/inbox/", headers={"accept": "text/html"})
        return here, await client.get("/inbox/", headers={"host": "evil.example"})


async def test_it_is_mounted_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop.build(tmp_path, more='\n[server]\nurl = "https://example.com/inbox"\n')
    monkeypatch.chdir(shop.folder)
    monkeypatch.syspath_prepend(str(shop.folder))
    assert f"\n{INDENT}..." in SNIPPET
    code = SNIPPET.replace(f"\n{INDENT}...", f"\n{INDENT}found = await asked(outer)")
    names: dict[str, Any] = {"asked": asked}
    await eval(compile(code, "serving.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307
    here, other = names["found"]
    assert (here.status_code, other.status_code) == (303, 421)
    assert here.headers["location"].startswith("/inbox/login")
