"""The conformance suite: every promise of the protocol, tried on an adapter.

    Kit ─► app that plays a Scene ─► World (stage · clock · policy · model) ─► Behaviour ─► Result ─► Report
                                       │ start · decide · resume                 passed | refused | failed | not_run
                                       ▼
                              ledger: what really happened

A kit says how the app of a scene looks in one framework; three lines do where an AgentSpec can be built:

    class Kit(SpecKit):
        backend = "myframework"

    assert try_adapter(Kit()).good              # or: hitl conformance myframework
"""

from .catalogue import Behaviour, behaviour
from .kit import Kit, NotInKit, SpecKit
from .promises import PROMISES
from .report import Outcome, Report, Result
from .scenes import LOCATE, Call, Scene, messages_of, words_of
from .stage import Stage
from .suite import Trial, chosen, find_kit, try_adapter
from .world import World

__all__ = [
    "LOCATE",
    "PROMISES",
    "Behaviour",
    "Call",
    "Kit",
    "NotInKit",
    "Outcome",
    "Report",
    "Result",
    "Scene",
    "SpecKit",
    "Stage",
    "Trial",
    "World",
    "behaviour",
    "chosen",
    "find_kit",
    "messages_of",
    "try_adapter",
    "words_of",
]
