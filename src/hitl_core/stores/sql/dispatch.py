"""Which function carries out which command, and which answers which query. Total over commands.py; a test holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ... import commands as c
from .answers import comments, decisions, deferring, drafts, timers, transcripts
from .commands import claims, effects, endings, grants, guidance, journal, prune_history, runs, slips, stops, workers
from .erasing import compact_run, compactable, erasable, erase_person, erase_run
from .reading import following, inbox, load, proposals, queries, queue, trail, waiting
from .tables import Transaction, View

COMMANDS: Final[Mapping[type[c.Command[Any]], Callable[[Transaction, Any], Any]]] = {
    c.OpenRun: transcripts.open_run,
    c.ClaimRuns: claims.claim_runs,
    c.RenewLease: runs.renew_lease,
    c.ReleaseRun: runs.release_run,
    c.BeatWorker: workers.beat_worker,
    c.ForgetWorker: workers.forget_worker,
    c.ReopenRun: runs.reopen_run,
    c.PauseRun: endings.pause_run,
    c.FinishRun: endings.finish_run,
    c.RetryRun: endings.retry_run,
    c.CancelRun: endings.cancel_run,
    c.OverrideOutput: endings.override_output,
    c.RecordResponse: decisions.record_response,
    c.AddVersion: drafts.add_version,
    c.MoveRequest: decisions.move_request,
    c.AddComment: comments.add_comment,
    c.KeepSaid: transcripts.keep_said,
    c.DeferRequest: deferring.defer_request,
    c.FireTimers: timers.fire_timers,
    c.RecordRefusal: effects.record_refusal,
    c.BeginEffect: effects.begin_effect,
    c.EndEffect: effects.end_effect,
    c.PerformEffect: effects.perform_effect,
    c.MoveEffect: effects.move_effect,
    c.Remember: journal.remember,
    c.GiveGuidance: guidance.give_guidance,
    c.TakeGuidance: guidance.take_guidance,
    c.GiveGrant: grants.give_grant,
    c.RevokeGrant: grants.revoke_grant,
    c.SetStop: stops.set_stop,
    c.LiftStop: stops.lift_stop,
    c.PutSlip: slips.put_slip,
    c.KeepMessages: slips.keep_messages,
    c.UseSlip: slips.use_slip,
    c.ChangeSlip: slips.change_slip,
    c.TakeSlips: slips.take_slips,
    c.DropSlips: slips.drop_slips,
    c.PruneSlips: slips.prune_slips,
    c.EraseRun: erase_run,
    c.ErasePerson: erase_person,
    c.CompactRun: compact_run,
    c.PruneHistory: prune_history,
    c.WriteNote: journal.write_note,
}

QUERIES: Final[Mapping[type[c.Query[Any]], Callable[[View, Any], Any]]] = {
    c.GetRun: queries.get_run,
    c.GetCheckpoint: queries.get_checkpoint,
    c.ListRuns: queries.list_runs,
    c.GetRequest: queries.get_request,
    c.ListRequests: inbox.list_requests,
    c.ListQueue: queue.list_queue,
    c.CountQueue: queue.count_queue,
    c.Look: queries.look,
    c.ListLeases: queries.list_leases,
    c.ListWorkers: waiting.list_workers,
    c.ListWaiting: waiting.list_waiting,
    c.NextDue: waiting.next_due,
    c.ListEffects: queries.list_effects,
    c.Recall: queries.recall,
    c.ListComments: comments.list_comments,
    c.ListSaid: transcripts.list_said,
    c.ListGuidance: queries.list_guidance,
    c.ListVersions: queries.list_versions,
    c.ListAsked: queries.list_asked,
    c.ListAssigned: queries.list_assigned,
    c.ListGrants: grants.list_grants,
    c.ListStops: queries.list_stops,
    c.ListErasable: erasable,
    c.ListCompactable: compactable,
    c.ListOverrides: queries.list_overrides,
    c.ListUndone: queries.list_undone,
    c.ListUnsealed: trail.list_unsealed,
    c.ReadLoad: load.read_load,
    c.ReadPace: load.read_pace,
    c.ReadAudit: trail.read_audit,
    c.FollowAudit: following.follow_audit,
    c.ReadHistory: queries.read_history,
    c.ListProposed: proposals.list_proposed,
    c.GetSlip: slips.get_slip,
    c.ListSlips: slips.list_slips,
}

QUIET: Final = (c.BeatWorker, c.ForgetWorker, c.TakeSlips, c.PruneSlips, c.KeepSaid, c.KeepMessages)
"""Commands after which nobody has anything to do: nobody is woken."""

IDLE: Final[Mapping[type[c.Command[Any]], Callable[[View, Any], bool]]] = {
    c.FireTimers: lambda view, command: not timers.anything_due(view, command),
    c.ClaimRuns: claims.is_idle,
    c.TakeSlips: lambda view, command: not slips.anything_due(view, command),
}
"""Commands that are asked over and over, and how a mere read sees that there is nothing to do (the result is `()`)."""
