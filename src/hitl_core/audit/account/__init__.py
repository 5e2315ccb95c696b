"""The account of one run, for an auditor who has never seen this tool: who, what, when, why, and what came of it. Pure.

It says only what the record says, and what the record cannot know.

record         what the store knows of one run
decisions      what people were asked, who was asked when, and what each of them said
actions        what was done, under which grant; what was put in its place; what was taken back
interventions  what people did to the run besides: stops, cancellations, what was refused to them
whole          all of it
"""

from .chapters import Chapter, Fact
from .interventions import ELSEWHERE
from .record import RunRecord
from .whole import Account, account

__all__ = ["ELSEWHERE", "Account", "Chapter", "Fact", "RunRecord", "account"]
