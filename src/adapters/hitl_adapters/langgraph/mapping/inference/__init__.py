"""From what a node's source does with an answer to a codec, or to the reason why nothing certain follows.

An inferred codec is safe by construction: its refusal is a value that every test found in the source takes for a no,
and its consent one that none of them takes for a refusal. Whatever cannot be shown is Unclear, and Unclear refuses.
"""

from .infer import infer
from .verdicts import Unclear

__all__ = ["Unclear", "infer"]
