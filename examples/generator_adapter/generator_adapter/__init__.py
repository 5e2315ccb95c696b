"""Plain generators under human oversight.

def desk(input):
    return (yield Do(pay, {"order": "A-1042", "amount": 40.5}))
"""

from .adapter import Do, GeneratorAdapter, Once

__all__ = ["Do", "GeneratorAdapter", "Once"]
