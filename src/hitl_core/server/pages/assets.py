"""Style, script and library of the pages: each under the hash of its content, so that a browser keeps it for a year.

They hold no secret, so they are sent packed to who takes that. Pages are not: what length a packed page has tells
something of what stands in it.
"""

from __future__ import annotations

import gzip
import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Header, HTTPException, Response

_FOLDER: Final = Path(__file__).with_name("static")
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_A_YEAR: Final = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}

assets = APIRouter(include_in_schema=False)


@cache
def hash_of(name: str) -> str:
    """A few letters that change with the content of a file. Raises KeyError for a file that there is not."""
    return sha256(content(name)).hexdigest()[:12]


@cache
def content(name: str) -> bytes:
    """Raises KeyError for a file that there is not."""
    if name not in {path.name for path in _FOLDER.iterdir() if path.suffix in _TYPES}:
        raise KeyError(name)
    found = (_FOLDER / name).read_bytes()
    return _PLAIN[name](found) if name in _PLAIN else found


def _style(text: bytes) -> bytes:
    """Without comments, and without space that means nothing."""
    lines = re.sub(rb"/\*.*?\*/", b"", text, flags=re.DOTALL).split(b"\n")
    said = re.sub(rb" ?([{};,>]) ?", rb"\1", b" ".join(line.strip() for line in lines if line.strip()))
    return said.replace(b": ", b":")


def _script(text: bytes) -> bytes:
    """Without lines that are comments, and without what lines are moved in by."""
    lines = (line.strip() for line in text.split(b"\n"))
    return b"\n".join(line for line in lines if line and not line.startswith(b"//"))


_PLAIN: Final = {"hitl.css": _style, "hitl.js": _script}
"""Ours, which are written to be read."""


@cache
def packed(name: str) -> bytes:
    """Raises KeyError for a file that there is not."""
    return gzip.compress(content(name), mtime=0)


@assets.get("/static/{digest}/{name}")
async def static(digest: str, name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    try:
        if digest != hash_of(name):
            raise KeyError(name)
    except KeyError:
        raise HTTPException(404, "there is no such file; load the page anew") from None
    kind = _TYPES[Path(name).suffix]
    if "gzip" in accept_encoding:
        return Response(packed(name), headers={**_FOR_A_YEAR, "content-encoding": "gzip"}, media_type=kind)
    return Response(content(name), headers=_FOR_A_YEAR, media_type=kind)
