"""Which codec belongs to which pause site, as the user says in hitl.toml.

[backend.options.codecs]
review_node = "boolean"                                     # boolean | words | fields | text | raw
"sub/ask" = { approve = "yes", reject = "no" }              # a template per reply
publish = { use = "fields", approved = "ok", reason = "why" }
legal = "my_app.codecs:legal"                               # a CustomCodec of your own
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from hitl_core.errors import ConfigError, Fault
from hitl_core.protocol import Json

from .codecs import AnyCodec, Codec, CustomCodec, boolean, fields, raw, templates, text, words
from .pause import NativePause

_READY: Final[dict[str, Callable[..., Codec]]] = {
    "boolean": boolean,
    "words": words,
    "fields": fields,
    "text": text,
    "raw": raw,
}


class Codecs:
    """Registered codecs. The more exact registration wins: place and type, then place, then node."""

    def __init__(self, by_node: Mapping[str, AnyCodec] | None = None) -> None:
        self._entries: dict[tuple[str, str | None], AnyCodec] = {}
        for node, codec in (by_node or {}).items():
            self.register(node=node, codec=codec)

    def register(self, *, node: str, codec: AnyCodec, payload_type: str | None = None) -> None:
        """Use `codec` for pauses at `node` (or `sub/node`).

        `payload_type` narrows to payloads with that `"type"`, or to "str", "dict", "list", "bool", "number", "null".
        """
        self._entries[node, payload_type] = codec

    def find(self, pause: NativePause) -> AnyCodec | None:
        for place in (pause.place, pause.node):
            for payload_type in (*_types(pause.value), None):
                codec = self._entries.get((place, payload_type))
                if codec is not None:
                    return codec
        return None

    def custom(self, name: str, version: int) -> CustomCodec | None:
        """The registered custom codec of that name and version."""
        for codec in self._entries.values():
            if isinstance(codec, CustomCodec) and (codec.name, codec.version) == (name, version):
                return codec
        return None

    def places(self) -> frozenset[str]:
        """The nodes that have a codec whatever their payload."""
        return frozenset(place for place, payload_type in self._entries if payload_type is None)

    @classmethod
    def from_options(cls, table: Mapping[str, Json]) -> Codecs:
        """Read `[backend.options.codecs]`. Raises ConfigError with every fault."""
        codecs, wrong = cls(), list[Fault]()
        for place, given in table.items():
            try:
                codecs.register(node=place, codec=_codec(given))
            except ConfigError as error:
                wrong += [Fault(f"backend.options.codecs.{place}", str(fault)) for fault in error.faults]
        if wrong:
            raise ConfigError(wrong)
        return codecs


def _types(value: Json) -> tuple[str, ...]:
    if isinstance(value, dict):
        kind = value.get("type")
        return (kind, "dict") if isinstance(kind, str) else ("dict",)
    names = {str: "str", list: "list", bool: "bool", int: "number", float: "number"}
    return (names.get(type(value), "null"),)


def _codec(given: Json) -> AnyCodec:
    if isinstance(given, str):
        return _imported(given) if ":" in given else _ready(given, {})
    if not isinstance(given, dict):
        raise ConfigError(f"{given!r} is not a codec; write a name or a table")
    name = given.get("use")
    if isinstance(name, str):
        return _ready(name, {key: value for key, value in given.items() if key != "use"})
    return templates(given)


def _ready(name: str, parameters: Mapping[str, Any]) -> Codec:
    if name not in _READY:
        raise ConfigError(f"no codec {name!r}; there are {', '.join(_READY)}, or give module:object")
    try:
        return _READY[name](**parameters)
    except TypeError as error:
        raise ConfigError(f"codec {name!r}: {error}") from error


def _imported(where: str) -> AnyCodec:
    module, _, name = where.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"cannot import the codec {where!r}: {error}") from error
    made = found() if callable(found) and not isinstance(found, Codec | CustomCodec) else found
    if not isinstance(made, Codec | CustomCodec):
        raise ConfigError(f"{where!r} is {type(made).__name__}, not a Codec or CustomCodec")
    return made
