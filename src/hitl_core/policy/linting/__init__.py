"""What is wrong with a policy that can be loaded: rules that never decide, what does not fit its app or its people."""

from .check import check, check_file, check_text
from .remarks import Checked, Found, Kind, Known, Remark

__all__ = [
    "Checked",
    "Found",
    "Kind",
    "Known",
    "Remark",
    "check",
    "check_file",
    "check_text",
]
