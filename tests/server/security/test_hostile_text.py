"""Whatever agents, models and people say is text: it is no element, no script, no formula, and hides nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.protocol import Context
from tests.core.shop import only, refund_tool
from tests.server.pages.browser import Page
from tests.server.security.fortress import Fortress, fortress, holes
from tests.server.security.table import GUARDED, TABLE, Open

MARK = "C4N4RY"
PAYLOADS: dict[str, str] = {
    "script": f"<script>{MARK}(1)</script>",
    "closing": f"</textarea></title></style></script><img src=x onerror={MARK}()>",
    "attribute": f"\" autofocus onfocus={MARK}() x=\"' onmouseover='{MARK}()",
    "svg": f"<svg/onload={MARK}()><math><mi//xlink:href='javascript:{MARK}()'>",
    "link": f"javascript:{MARK}() https://{MARK}.example/ [x](javascript:{MARK})",
    "template": f"{{{{7*7}}}}{{% include 'base.html' %}}${{7*7}}#{{{MARK}}}",
    "htmx": f"<div hx-get=/logout hx-trigger=load data-hx-on:click={MARK}()>",
    "form": f"</form><form action=https://{MARK}.example method=post><button name=decision value=approve>{MARK}",
    "bidi": f"pay \u202e0001\u202c to \u2066{MARK}\u2069 \u200e\u200f\u061c",
    "zero width": f"re\u200bfu\u200cnd\u2060{MARK}\ufeff \u00ad\u034f\ufe0f\u3164",
    "control": f"\x00{MARK}\x1b[2J\x1b]0;x\x07\x08\x7f\x9b31m\u2028\u2029".replace("\x00", ""),
    "line": f"{MARK}\r\nSet-Cookie: a=b\r\n\r\nevent: request.closed\ndata: {{}}\n\n",
    "formula": f'=HYPERLINK("https://{MARK}.example","x")',
    "long": MARK + "A" * 20_000,
}
HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u061c\u00ad\u034f\ufe0f\u3164\u2028\u2029]")
ASKS = ("approve", "input", "choice", "review")
PAGES = sorted(route for route in GUARDED if route[0] == "GET")
by_payload = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)


def hostile(ledger: Any) -> Any:
    """An agent that says the same hostile thing wherever it can say something."""
    refund = refund_tool(ledger, reversible=True)

    async def app(given: Any) -> Any:
        text = given["text"]
        context = Context(message=text, details={"why": text}, alternatives=(text,))
        try:
            match given.get("ask"):
                case "input":
                    return await gate.ask(text)
                case "choice":
                    return await gate.choose(text, [text, "no"])
                case "review":
                    return await gate.review(text, title=text)
                case "fail":
                    raise ValueError(text)
                case _:
                    await gate.step(lambda: context.message)
                    return {text: await refund(text, 120.5)}
        except Refused as exc:
            return {"refused": str(exc), "text": text}

    return app


async def filled(at: Fortress, text: str) -> list[str]:
    """The hostile text in runs of every kind, in what people say about them, and in what came of them."""
    ids = []
    for ask in (*ASKS, "fail"):
        run = await at.hitl.start({"text": text, "ask": ask}, by=text[:60].strip() or "x", thread=f"t-{ask}")
        ids.append(run.id)
        if run.pending:
            await at.hitl.comment(only(run).id, text[:1500], by="bob")
    done = await at.hitl.start({"text": text}, by="ann-2")
    await at.hitl.respond(only(done).reject(text[:1500], by="ann", reason=text[:1500]))
    await at.hitl.resume(done.id)
    return [*ids, done.id]


def paths(at: Fortress, runs: list[str], requests: list[str]) -> list[str]:
    """Every page, for everything that it can be about."""
    found = []
    for _, template in PAGES:
        about = holes(template)
        for name, each in (("run_id", runs), ("request_id", requests)):
            if name in about:
                found += [at.path(template, **{name: id}) for id in each]
        if about.isdisjoint({"run_id", "request_id"}):
            found.append(at.path(template))
    return found


@by_payload
async def test_no_page_takes_it_for_more_than_text(tmp_path: Path, payload: str) -> None:
    async with fortress(tmp_path, hostile(_ledger(tmp_path)), given={"text": "harmless"}) as at:
        runs = await filled(at, payload)
        requests = [each.request.id for each in (await at.hitl.inbox(limit=100)).items]
        shown = 0
        for path in paths(at, runs, requests):
            answered = await at.ask("GET", path)
            assert answered.status_code in (200, 404, _other(path)), (path, answered.status_code, answered.text[:200])
            shown += MARK in answered.text
            _harmless(path, answered)
        assert shown > 5, "it is shown nowhere, so this tried nothing"


def _other(path: str) -> int:
    """What is said of a run that undoes nothing, and where nobody says of which scope."""
    return 409 if path.endswith("/undone") else 400 if path.endswith("/reach") else 200


def _ledger(folder: Path) -> Any:
    from tests.core.shop import Ledger

    return Ledger(folder / "ledger.jsonl")


def _harmless(path: str, answered: httpx.Response) -> None:
    kind = answered.headers["content-type"].partition(";")[0]
    if kind == "text/html":
        _harmless_page(path, answered)
    elif kind in ("application/json", "application/problem+json"):
        json.loads(answered.text)
    elif kind == "text/csv":
        cells = [cell for row in csv.reader(io.StringIO(answered.text)) for cell in row]
        assert [cell for cell in cells if MARK in cell and cell[:1] in "=+-@\t\r"] == [], path
    else:
        raise AssertionError(f"{path} is {kind}")
    assert "set-cookie" not in answered.headers


def _harmless_page(path: str, answered: httpx.Response) -> None:
    page = Page(answered)
    for element in page.elements:
        assert element.tag not in ("iframe", "object", "embed", "base", "style", "math", "applet"), path
        assert element.tag != "script" or element.attributes.get("src", "").startswith("/static/"), path
        for name, value in element.attributes.items():
            assert not name.startswith(("on", "data-hx-on", "hx-on", "style")), f"{path}: {name}"
            if name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "sse-connect"):
                assert re.match(r"(/(?!/)|#|\?|$)", value), f"{path}: {name}={value}"
    assert not HIDDEN.search(answered.text), f"{path}: {HIDDEN.search(answered.text)}"
    control = [each for each in answered.text if unicodedata.category(each) == "Cc" and each not in "\n\t\r"]
    assert control == [], path


async def test_every_place_that_shows_something_is_looked_at(tmp_path: Path) -> None:
    """What is answered to a visitor with a right is a page, a list or a file that the test above opens."""
    left = {route for route, needs in TABLE.items() if route[0] == "GET" and not isinstance(needs, Open)}
    assert left == set(PAGES)


async def test_a_domain_that_is_not_what_it_looks_like_is_pointed_out(tmp_path: Path) -> None:
    async with fortress(tmp_path, hostile(_ledger(tmp_path)), given={"text": "harmless"}) as at:
        run = await at.hitl.start({"text": "https://p\u0430ypal.com/refund"}, by="customer-7")
        (warning, *_) = only(run).preview.warnings
        page = Page(await at.ask("GET", f"/requests/{only(run).id}"))
        assert warning
        assert warning in page.text
