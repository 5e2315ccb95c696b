"""The policy as a file: TOML text → rules. Nothing here is loaded by who writes rules in Python."""

from .load import Draft, read_file, read_text, read_when
from .read_cases import Placed, read_cases, read_situation

__all__ = [
    "Draft",
    "Placed",
    "read_cases",
    "read_file",
    "read_situation",
    "read_text",
    "read_when",
]
