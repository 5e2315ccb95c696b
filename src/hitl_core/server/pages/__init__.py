"""The pages that people use: the queue, a request, and what else is seen and done in a browser.

Each works without a script; with one it has keys, times that go on, and news as it comes.

    queue, request, batches, runs/, oversight/, sign_in ─► listing, looking, wording … (what is shown) ─► templates
    form ─► forms (what was typed) ─► deciding (→ a decision, pure) ─► holding (some seconds) ─► hitl.respond

fields and shapes make form fields of a JSON Schema (pure); environment has the templates, filters what they use; routes
makes pages of errors; changes is what differs between two values (pure); assets are the style and the scripts
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from .assets import assets
from .batches import together
from .environment import render, url
from .holding import Giving, give_held
from .oversight import audit_pages, grants_pages, policy_pages, stops_pages, tokens_pages
from .queue import inbox
from .request import requests
from .runs import runs
from .sign_in import signing, to_sign_in

__all__ = ["Giving", "give_held", "pages", "render", "to_sign_in", "url"]

pages: Final[tuple[APIRouter, ...]] = (
    *(assets, signing, inbox, requests, together),
    *(runs, stops_pages, audit_pages, policy_pages, grants_pages, tokens_pages),
)
