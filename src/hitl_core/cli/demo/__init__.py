"""`hitl demo`: the refund desk told from its pause to the last line of its ledger.

command   the telling, and what is said to a person who leaves it
answers   what it answers when nobody is there
world     the folder, the model's process, and processes that each run one `hitl`
inbox     the inbox in a process of its own, and the browser that opens it
verdict   what was promised, held against what the ledger counted
"""

from .command import demo

__all__ = ["demo"]
