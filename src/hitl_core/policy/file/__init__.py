"""The policy as a file: TOML text → rules. Nothing here is loaded by who writes rules in Python."""

from .load import read_file, read_text, read_when

__all__ = [
    "read_file",
    "read_text",
    "read_when",
]
