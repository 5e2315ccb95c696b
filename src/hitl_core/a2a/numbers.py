"""Numbers of A2A are doubles, as its values are those of protobuf. What goes out has no others, as no record has; of
what comes in, whole numbers are made such again, and one that may have lost something on the way is refused. Pure.
"""

from __future__ import annotations

from typing import Final

from ..errors import Fault, NotUnderstood
from ..protocol import Json

EXACT: Final = (1 << 53) - 1
"""Up to which size a whole number is the only one that has its double (RFC 8785)."""


def received(value: Json, path: str = "data") -> Json:
    """A value as it was before the wire: JSON knows one number. Raises NotUnderstood."""
    match value:
        case float() if value.is_integer():
            return _whole(value, path)
        case list():
            return [received(each, f"{path}[{index}]") for index, each in enumerate(value)]
        case dict():
            return {name: received(each, f"{path}.{name}") for name, each in value.items()}
        case _:
            return value


def _whole(value: float, path: str) -> int:
    if abs(value) > EXACT:
        raise NotUnderstood([Fault(path, "is a number that A2A cannot carry exactly; give it in the inbox")])
    return int(value)
