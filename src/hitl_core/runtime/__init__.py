"""Working on runs: what applications hold, one turn of a run, judging an answer, leases, and the worker.

    opened ◄── requests ◄── grants ◄── batches ◄──┐
       ▲                                          ├── runtime: what applications hold
       └────── control, policies ◄────────────────┘

opened        what a runtime holds, how it is closed, how it takes runs up
turn          from a claim to a committed ending; holding, leases: how a run is kept meanwhile
requests      the inbox and the answers; judge, identity: who answers, and whether they may
grants        standing grants (granting); batches: one gesture, many answers
control       cancel, rewind, undo (undoing, receipts), override (overriding), steer (steering), stop (reach), erase
policies      why the policy decides as it does, and what another one would have
considering   what would come of an answer, who is asked, and whose inbox is whose, for those who show it
assigning     whose turn it is; commenting, drafting: what is said and changed beside deciding
forgetting    what is erased and compacted; pruning: what rules have counted and nobody asks for any more
transcripts   what was said in a thread, kept and read; conversing: a run that begins in one
client_tools  whether an app has room for the tools that a run is started with
worker        resumes what was answered, fires what is due
"""

from __future__ import annotations

from .batches import Answered, Batch, shown_digest
from .considering import faults_in, inbox_of, known_as, may_decide, record_refusal, why_not_asked
from .conversing import converse
from .forgetting import Compacted, compact
from .granting import like
from .opened import INPUT_LIMIT, Settings
from .policies import InForce, RuleInForce
from .reach import Reach, reach
from .record import entries, record_of
from .runtime import Runtime
from .transcripts import Words
from .worker import Left, Worker

__all__ = [
    "INPUT_LIMIT",
    "Answered",
    "Batch",
    "Compacted",
    "InForce",
    "Left",
    "Reach",
    "RuleInForce",
    "Runtime",
    "Settings",
    "Words",
    "Worker",
    "compact",
    "converse",
    "entries",
    "faults_in",
    "inbox_of",
    "known_as",
    "like",
    "may_decide",
    "reach",
    "record_of",
    "record_refusal",
    "shown_digest",
    "why_not_asked",
]
