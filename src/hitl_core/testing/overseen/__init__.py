"""People over an agent, in real processes: six stories that hold an adapter to what surrounds a pause.

    Kit ─► Office (a warm parent) ─► Desk (folder · people · policy · model) ─► processes that come and go ─► NotKept

    with Office(MyKit(), folder) as office:
        for story in STORIES.values():
            story.tell(office)

quorum · escalation · veto · grant · stop · undo. In each, the agent's process is gone or killed while its run waits;
people answer at the `hitl` command line, each in a process of their own, with a directory of people and a policy file;
another process resumes, and another fires what is due. The clock is the real one. What happened is a ledger on disk;
who, why and when is the audit trail. The kit is that of the conformance suite. Needs the extra `cli`.
"""

from . import escalation, grant, quorum, stop, undo, veto  # noqa: F401  # each file declares its own
from .desk import Desk, Done
from .story import STORIES, Office, Story

__all__ = ["STORIES", "Desk", "Done", "Office", "Story"]
