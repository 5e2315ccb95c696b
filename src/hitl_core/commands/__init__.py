"""What a store can be asked: commands that change it, each one atomic transaction, and queries that read it.

Every store answers every record here; nothing else reaches the data. `now` is always an argument, so a test
moves time and a server decides whose clock counts. A command with a `lease` is refused with LeaseLost unless
that lease is the run's current one.
"""

from .comments import AddComment, ListComments
from .decisions import DeferRequest, FireTimers, MoveRequest, RecordResponse
from .drafts import AddVersion, ListAsked, ListVersions
from .effects import BeginEffect, EndEffect, MoveEffect, PerformEffect, RecordRefusal
from .forgetting import ErasePerson, EraseRun, ListErasable
from .grants import GiveGrant, ListGrants, RevokeGrant
from .guidance import GiveGuidance, ListGuidance, TakeGuidance
from .history import Counted, PruneHistory, ReadHistory
from .kinds import Command, Query
from .load import Load, Pace, ReadLoad, ReadPace, Waiting
from .proposals import ListProposed
from .queries import (
    GetCheckpoint,
    GetRequest,
    GetRun,
    ListAssigned,
    ListEffects,
    ListLeases,
    ListOverrides,
    ListRequests,
    ListRuns,
    ListStops,
    ListUndone,
    Look,
    ReadAudit,
    Recall,
)
from .record import LiftStop, Remember, SetStop, WriteNote
from .results import (
    Claimed,
    Effect,
    ErasedPerson,
    Known,
    Lease,
    Note,
    Override,
    Page,
    Recorded,
    Settled,
    Stop,
    StopScope,
    Undone,
)
from .runs import CancelRun, ClaimRuns, FinishRun, OpenRun, OverrideOutput, PauseRun, RenewLease, ReopenRun, RetryRun

__all__ = [
    "AddComment",
    "AddVersion",
    "BeginEffect",
    "CancelRun",
    "ClaimRuns",
    "Claimed",
    "Command",
    "Counted",
    "DeferRequest",
    "Effect",
    "EndEffect",
    "ErasePerson",
    "EraseRun",
    "ErasedPerson",
    "FinishRun",
    "FireTimers",
    "GetCheckpoint",
    "GetRequest",
    "GetRun",
    "GiveGrant",
    "GiveGuidance",
    "Known",
    "Lease",
    "LiftStop",
    "ListAsked",
    "ListAssigned",
    "ListComments",
    "ListEffects",
    "ListErasable",
    "ListGrants",
    "ListGuidance",
    "ListLeases",
    "ListOverrides",
    "ListProposed",
    "ListRequests",
    "ListRuns",
    "ListStops",
    "ListUndone",
    "ListVersions",
    "Load",
    "Look",
    "MoveEffect",
    "MoveRequest",
    "Note",
    "OpenRun",
    "Override",
    "OverrideOutput",
    "Pace",
    "Page",
    "PauseRun",
    "PerformEffect",
    "PruneHistory",
    "Query",
    "ReadAudit",
    "ReadHistory",
    "ReadLoad",
    "ReadPace",
    "Recall",
    "RecordRefusal",
    "RecordResponse",
    "Recorded",
    "Remember",
    "RenewLease",
    "ReopenRun",
    "RetryRun",
    "RevokeGrant",
    "SetStop",
    "Settled",
    "Stop",
    "StopScope",
    "TakeGuidance",
    "Undone",
    "Waiting",
    "WriteNote",
]
