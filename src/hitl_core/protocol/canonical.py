"""One byte form for every JSON value (RFC 8785), so that a digest means "exactly this".

What looks alike and is not, decided here once:

| value            | meaning                                                                               |
|------------------|---------------------------------------------------------------------------------------|
| true, 1, "1"     | three different values                                                                |
| 1.0 and 1        | the same number, as in JSON; written `1` (RFC 8785 §3.2.2.3)                            |
| -0.0 and 0       | the same number; written `0`                                                          |
| NaN, Infinity    | refused: not JSON                                                                     |
| beyond ±(2^53-1) | refused as an integer: readers would disagree about its digits; send it as text       |
| duplicate keys   | refused when JSON text is parsed: readers would disagree about which one counts       |
| NFC against NFD  | different texts: bytes are compared as they are, never normalised                     |
| lone surrogates  | refused: no UTF-8 form                                                                |
| deep nesting     | refused beyond 64 levels                                                              |
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, cast

import rfc8785

from ..errors import Fault, NotCanonical, TooLarge
from .record import Json

MAX_DEPTH: Final = 64
MAX_INTEGER: Final = 2**53 - 1


def canonical(value: object, *, what: str = "value", limit: int | None = None) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises NotCanonical with every fault in the value, TooLarge if the bytes exceed `limit`.
    """
    faults: list[Fault] = []
    _inspect(value, what, 0, faults)
    if faults:
        raise NotCanonical(faults)
    encoded = rfc8785.dumps(cast("dict[str, str]", value))
    if limit is not None and len(encoded) > limit:
        raise TooLarge(f"{what} has {len(encoded):,} bytes as JSON; the limit is {limit:,}. Pass a reference instead.")
    return encoded


def parse(text: str | bytes, *, what: str = "JSON") -> Json:
    """Parse JSON text strictly: duplicate keys, NaN and Infinity are refused. Raises NotCanonical."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as exc:
        raise NotCanonical([Fault(what, f"is not JSON: {exc}")]) from exc
    return cast("Json", value)


def sha256(data: bytes) -> str:
    """A digest as the protocol writes it: `sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _inspect(value: object, path: str, depth: int, faults: list[Fault]) -> None:
    if depth > MAX_DEPTH:
        faults.append(Fault(path, f"is nested deeper than {MAX_DEPTH} levels"))
        return
    match value:
        case None | bool():
            return
        case str():
            _inspect_text(value, path, faults)
        case int():
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                faults.append(Fault(path, "is an integer beyond 2^53-1; send it as text"))
        case float():
            if value != value or value in (float("inf"), float("-inf")):
                faults.append(Fault(path, f"{value} is not a JSON number"))
        case list():
            for index, item in enumerate(value):
                _inspect(item, f"{path}[{index}]", depth + 1, faults)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    faults.append(Fault(path, f"the key {key!r} is not text"))
                    continue
                _inspect_text(key, f"{path} (key {key!r})", faults)
                _inspect(item, f"{path}.{key}", depth + 1, faults)
        case _:
            faults.append(Fault(path, f"{type(value).__name__} is not a JSON type; convert it before it is proposed"))


def _inspect_text(value: str, path: str, faults: list[Fault]) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        faults.append(Fault(path, "has a lone surrogate, which no UTF-8 reader accepts"))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = sorted({key for key, _ in pairs if key in seen or seen.add(key)})  # type: ignore[func-returns-value]
        raise NotCanonical([Fault(key, "is given twice") for key in twice])
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise NotCanonical([Fault("", f"{digits} is beyond what a JSON number can be")])
    return value


def _no_constant(name: str) -> object:
    raise NotCanonical([Fault("", f"{name} is not JSON")])
