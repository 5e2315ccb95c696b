"""Templates, and what all of them can use."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..auth import Right, Visitor
from ..site import site_of
from . import filters
from .assets import hash_of

_PLACES: Final = (
    ("inbox", "Inbox", (), Right.REQUESTS),
    ("runs", "Runs", ("runs",), Right.RUNS),
    ("stops", "Stops", ("stops",), Right.OPERATE),
    ("audit", "Audit", ("audit",), Right.AUDIT),
    ("policy", "Policy", ("policy",), Right.POLICY),
    ("grants", "Grants", ("grants",), Right.OPERATE),
)
_THEMES: Final = ("light", "dark")
_HTMX: Final = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
}
"""No code made of text, no style in the page, no request to elsewhere, no page in the browser's storage."""


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("hitl_core.server.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=filters.seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "text": filters.text,
        "coded": filters.coded,
        "as_json": filters.as_json,
        "in_brief": filters.in_brief,
        "words": filters.words,
        "when": filters.when,
        "ago": filters.ago,
        "span": filters.span,
        "size_of": filters.size_of,
        "diff_lines": filters.diff_lines,
    }
    made.tests["long"] = filters.is_long
    made.globals["htmx_config"] = json.dumps(_HTMX)
    return made


_templates: Final = _environment()


def render(
    http: Request,
    template: str,
    visitor: Visitor | None = None,
    /,
    *,
    status: int = 200,
    here: str = "",
    headers: dict[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """A page. `here` is the place in the navigation that it belongs to; `visitor` is None before one has come in."""
    theme = http.cookies.get("hitl_theme", "")
    page = _templates.get_template(template).render(
        url=partial(url, http),
        asset=lambda name: url(http, "static", hash_of(name), name),
        places=[place for place in _PLACES if visitor is not None and place[3] in visitor.rights],
        may_stop=visitor is not None and Right.OPERATE in visitor.rights,
        may_make_tokens=visitor is not None and Right.TOKENS in visitor.rights,
        visitor=visitor,
        here=here,
        theme=theme if theme in _THEMES else "",
        now=site_of(http).clock.now(),
        **context,
    )
    return HTMLResponse(page, status, headers={"cache-control": "no-store", **(headers or {})})


def url(request: Request, *path: str, **query: str | None) -> str:
    """The address of a page of ours, wherever the app is mounted; what is None or "" in its query is left out."""
    root = str(request.scope.get("root_path", "")).rstrip("/")
    asked = urlencode({name: value for name, value in query.items() if value})
    return root + "/" + "/".join(quote(part, safe="") for part in path) + (f"?{asked}" if asked else "")
