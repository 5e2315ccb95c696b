"""What a person can say about an effect whose outcome was lost: every such request offers these options."""

from __future__ import annotations

from typing import Final

from .request import Option

HAPPENED: Final = Option(id="happened", label="It happened: go on with that as its result")
NOT_HAPPENED: Final = Option(id="not_happened", label="It did not happen: run it now")
ABORT: Final = Option(id="abort", label="Do not run it; tell the agent")

RUNS_NOTHING: Final = frozenset((HAPPENED.id, ABORT.id))
"""The options of a request in doubt after which nothing runs. Choosing any other one is consent."""
