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
import math
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
    inspection = _Inspection()
    inspection.visit(value, what, 0)
    if inspection.faults:
        raise NotCanonical(inspection.faults)
    encoded = _encode(value, inspection.plain)
    if limit is not None and len(encoded) > limit:
        raise TooLarge(f"{what} has {len(encoded):,} bytes as JSON; the limit is {limit:,}. Pass a reference instead.")
    return encoded


def _encode(value: object, plain: bool) -> bytes:
    """RFC 8785 bytes. Where no number or key is special, the standard encoder writes the same ones, faster."""
    if plain:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    return rfc8785.dumps(cast("dict[str, str]", value))


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


class _Inspection:
    """Finds what has no canonical form. `plain` stays true while the standard encoder agrees with RFC 8785.

    They differ in floats that are whole or need an exponent (§3.2.2.3), and in the order of keys beyond the basic
    plane (§3.2.3 sorts UTF-16 units).
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.plain = True

    def visit(self, value: object, path: str, depth: int) -> None:
        # ASCII text, which is most of what there is, is passed without a path for the fault that it cannot have.
        if isinstance(value, str):
            self._text(value, path)
        elif value is None or isinstance(value, bool):
            return
        elif isinstance(value, int):
            self._integer(value, path)
        elif isinstance(value, float):
            self._float(value, path)
        elif depth >= MAX_DEPTH:
            self._fault(path, f"is nested deeper than {MAX_DEPTH} levels")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if not (isinstance(item, str) and item.isascii()):
                    self.visit(item, f"{path}[{index}]", depth + 1)
        elif isinstance(value, dict):
            for key, item in value.items():
                if not (isinstance(key, str) and key.isascii()):
                    self._key(key, path)
                if not (isinstance(item, str) and item.isascii()):
                    self.visit(item, f"{path}.{key}", depth + 1)
        else:
            self._fault(path, f"{type(value).__name__} is not a JSON type; convert it before it is proposed")

    def _fault(self, path: str, problem: str) -> None:
        self.faults.append(Fault(path, problem))

    def _integer(self, value: int, path: str) -> None:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            self._fault(path, "is an integer beyond 2^53-1; send it as text")

    def _float(self, value: float, path: str) -> None:
        if not math.isfinite(value):
            self._fault(path, f"{value} is not a JSON number")
        elif value.is_integer() or not 1e-4 <= abs(value) < 1e16:
            self.plain = False

    def _text(self, value: str, path: str) -> None:
        if value.isascii():
            return
        try:
            value.encode()
        except UnicodeEncodeError:
            self._fault(path, "has a lone surrogate, which no UTF-8 reader accepts")

    def _key(self, key: object, path: str) -> None:
        """A key that is not ASCII text."""
        if not isinstance(key, str):
            self._fault(path, f"the key {key!r} is not text")
            return
        self._text(key, f"{path} (key {key!r})")
        self.plain = False


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
