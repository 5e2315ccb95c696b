"""Masks: what stands in the place of a secret argument wherever an action is stored or shown. Pure.

A mask is a keyed digest of the value and its place: an action with masks has a digest that binds the whole arguments,
and nobody without the key can try out which short secret it is. The same secret has another mask in each run.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .canonical import canonical
from .record import Arguments, Json

SecretPath = tuple[str, ...]
"""Keys and positions from the arguments down to a secret; `*` is any one key or position."""

MaskMaker = Callable[[SecretPath, Json], str]

_MASK: Final = re.compile(r"\[secret [0-9a-f]{32}\]")


def is_mask(value: object) -> bool:
    """Whether a value is written as a mask is."""
    return isinstance(value, str) and _MASK.fullmatch(value) is not None


def mask(key: bytes, run: str, tool: str, path: SecretPath, value: Json) -> str:
    """The mask of one value. Raises NotCanonical for what is not JSON."""
    place = canonical([run, tool, list(path), value], what="secret argument")
    return f"[secret {hmac.digest(key, place, 'sha256').hex()[:32]}]"


def masked(value: Json, paths: Iterable[SecretPath], make: MaskMaker) -> tuple[Json, dict[SecretPath, Json]]:
    """The value with masks at `paths`, and what they stand for. What is not there needs no mask."""
    held: dict[SecretPath, Json] = {}
    return _masked(value, tuple(paths), make, (), held), held


def _masked(
    value: Json, paths: tuple[SecretPath, ...], make: MaskMaker, at: SecretPath, held: dict[SecretPath, Json]
) -> Json:
    if () in paths:
        held[at] = value
        return make(at, value)
    if isinstance(value, dict):
        return {key: _masked(each, _below(paths, key), make, (*at, key), held) for key, each in value.items()}
    if isinstance(value, list) and paths:
        return [_masked(each, _below(paths, str(n)), make, (*at, str(n)), held) for n, each in enumerate(value)]
    return value


def _below(paths: tuple[SecretPath, ...], key: str) -> tuple[SecretPath, ...]:
    return tuple(path[1:] for path in paths if path[0] in (key, "*"))


def mask_paths(value: Json, at: SecretPath = ()) -> Iterator[tuple[SecretPath, str]]:
    """Where masks stand, in the order of the value."""
    if isinstance(value, str) and is_mask(value):
        yield at, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from mask_paths(each, (*at, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from mask_paths(each, (*at, str(number)))


def has_mask(value: object) -> bool:
    """Whether a mask stands anywhere in a value, however deep."""
    left = [value]
    while left:
        each = left.pop()
        if is_mask(each):
            return True
        if isinstance(each, dict):
            left += each.values()
        elif isinstance(each, list):
            left += each
    return False


def mask_faults(shown: Arguments, edited: Arguments) -> list[SecretPath]:
    """The places at which an edit does not keep the mask that was shown."""
    kept = dict(mask_paths(edited))
    return [path for path, text in mask_paths(shown) if kept.get(path) != text]


def secret_paths(schema: Json) -> tuple[SecretPath, ...]:
    """The places that a JSON Schema marks `writeOnly`, as SecretStr does; its own references are followed."""
    return tuple(dict.fromkeys(_marked(schema, schema, (), ())))


_BRANCHES: Final = ("anyOf", "oneOf", "allOf")


def _marked(schema: Json, root: Json, at: SecretPath, within: tuple[str, ...]) -> Iterator[SecretPath]:
    if not isinstance(schema, dict):
        return
    if schema.get("writeOnly") is True:
        yield at
        return
    name = schema.get("$ref")
    if isinstance(name, str) and name not in within:
        yield from _marked(_referred(root, name), root, at, (*within, name))
    for branch in _BRANCHES:
        for part in _list(schema.get(branch)):
            yield from _marked(part, root, at, within)
    for key, each in _dict(schema.get("properties")).items():
        yield from _marked(each, root, (*at, key), within)
    for key in ("items", "additionalProperties"):
        yield from _marked(schema.get(key), root, (*at, "*"), within)
    for number, each in enumerate(_list(schema.get("prefixItems"))):
        yield from _marked(each, root, (*at, str(number)), within)


def _referred(root: Json, name: str) -> Json:
    found: Json = root
    for key in name.removeprefix("#/").split("/"):
        found = _dict(found).get(key.replace("~1", "/").replace("~0", "~"))
    return found


def _dict(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
