"""Everything this library raises on purpose, as one tree.

    HitlError
    ├── ConfigError (ValueError)             HITL-C01  hitl.toml, environment or app cannot be used
    │   ├── PolicyInvalid                    HITL-C02  the policy file is wrong; every fault is listed
    │   └── CasesInvalid                     HITL-C03  cases of a policy, or an action to explain, cannot be read
    ├── RecordError (ValueError)             HITL-R01  a record cannot be understood or kept
    │   ├── NotCanonical                     HITL-R02  a value has no single JSON form
    │   ├── TooLarge                         HITL-R03  a payload is over its limit
    │   ├── ProtocolUnknown                  HITL-R04  written by a protocol version we do not read
    │   ├── ResultNotKept                    HITL-R05  a tool ran, and its result cannot be kept
    │   └── NotUnderstood                    HITL-R06  a call of the HTTP API that is not as it has to be
    ├── AdapterError                         HITL-A01  the framework side could not do what was asked
    │   ├── AdapterNotFound (LookupError)    HITL-A02  no adapter, store or channel of that name
    │   ├── AdapterNotInstalled (ImportError) HITL-A03 known, but its packages are missing
    │   ├── AdapterTooOld                    HITL-A04  the installed framework is outside our range
    │   ├── AdapterConflict                  HITL-A05  two packages offer one name
    │   ├── AppRefused                       HITL-A06  the app cannot be overseen as it stands
    │   ├── AppChanged                       HITL-A07  the app no longer has the place that was paused
    │   ├── PauseAmbiguous                   HITL-A08  an answer has no certain meaning for this pause
    │   ├── CapabilityNotSupported (NotImplementedError)  HITL-A09
    │   └── NoRun                            HITL-A10  a gated tool was called outside a run
    ├── ResponseRefused (ValueError)         HITL-D01  the answer has faults; the request stays open
    │   ├── RequestNotFound (LookupError)    HITL-D02
    │   ├── AlreadyDecided                   HITL-D03  somebody else was first; says who
    │   ├── RequestClosed                    HITL-D04  cancelled, superseded, revoked, frozen …
    │   ├── RequestExpired                   HITL-D05  its deadline has passed
    │   ├── NotAuthorised (PermissionError)  HITL-D06
    │   ├── DraftMoved                       HITL-D07  a shared draft has a newer version
    │   └── BatchRefused                     HITL-D08  answers that cannot be given in one gesture; none was taken
    ├── RunError                             HITL-U01
    │   ├── RunNotFound (LookupError)        HITL-U02
    │   ├── RunBusy                          HITL-U03  another worker holds it
    │   ├── RunFinished                      HITL-U04  nothing can be done to it any more
    │   ├── LeaseLost                        HITL-U05  our claim ended; whatever we do now is refused
    │   ├── GuidanceRefused (ValueError)     HITL-U07  guidance that cannot be queued; says everything that is wrong
    │   │   └── MayNotSteer (PermissionError)  HITL-U08
    │   ├── NothingToUndo (LookupError)      HITL-U09  no action of the run was carried out, or none at that call
    │   ├── OverrideRefused (ValueError)     HITL-U10  there is no output, or no result that is still to be used
    │   ├── GrantNotGiven (ValueError)       HITL-U11  a standing grant that cannot be given; says everything wrong
    │   │   └── GrantNotFound (LookupError)  HITL-U12
    │   ├── PersonNotErasable (ValueError)   HITL-U13  something that is not over rests on them; says what
    │   │   └── PersonNotFound (LookupError)  HITL-U14
    │   └── ToolsRefused (ValueError)        HITL-U15  client tools that this run cannot have; says everything wrong
    ├── NotPermitted (PermissionError)       HITL-P01  somebody may not stop, lift, steer, cancel …
    ├── NotSignedIn (PermissionError)        HITL-P02  the server does not know who calls
    ├── EffectRefused                        HITL-E01  the last check before a tool said no
    │   ├── Stopped                          HITL-E02  a stop is in force
    │   ├── DigestMismatch                   HITL-E03  what would run is not what was approved
    │   ├── AlreadyStarted                   HITL-E04  this call was started before
    │   ├── HistoryMoved                     HITL-E06  more has begun than the decision knew
    │   └── GrantRefused                     HITL-E07  the standing grant does not reach for this action any more
    ├── CallRefused                          HITL-E05  what an app's guarded call raises if it came to nothing
    └── StoreError                           HITL-S01
        ├── StoreUnavailable (OSError)       HITL-S02
        ├── StoreTooNew                      HITL-S03  its schema was written by a newer release
        ├── StoreMoved                       HITL-S05  all of it is in another store now
        ├── StoreUnfinished                  HITL-S06  not all of it has arrived from another store yet
        └── RowCorrupt                       HITL-S04  stored bytes no longer match their digest

One more stands beside the tables that raise it: `lifecycle.IllegalMove`. `docs/errors.md` has an anchor for every code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (a dotted path, "" for the whole) and why, with the next step."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class HitlError(Exception):
    """Base of everything this library raises on purpose."""

    code: ClassVar[str] = "HITL-000"


class FaultyError(HitlError):
    """An error that reports every fault at once, not the first."""

    summary: ClassVar[str] = "not accepted"

    def __init__(self, faults: Iterable[Fault] | str) -> None:
        self.faults = (Fault("", faults),) if isinstance(faults, str) else tuple(faults)
        super().__init__(f"{self.summary}: " + "; ".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[FaultyError], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)


# ── configuration ────────────────────────────────────────────────────────────────────────────────────────────


class ConfigError(FaultyError, ValueError):
    """The configuration cannot be used; nothing was started."""

    code = "HITL-C01"
    summary = "configuration refused"


class PolicyInvalid(ConfigError):
    """The policy is wrong. Without a valid policy everything asks or is refused."""

    code = "HITL-C02"
    summary = "policy refused"


class CasesInvalid(ConfigError):
    """Cases of a policy, or an action that it is to be explained for, cannot be read. Nothing was tried."""

    code = "HITL-C03"
    summary = "cases refused"


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────


class RecordError(HitlError, ValueError):
    """A record cannot be understood or kept; nothing was stored."""

    code = "HITL-R01"


class NotCanonical(RecordError, FaultyError):
    """A value has no single JSON form, so what is shown could differ from what runs."""

    code = "HITL-R02"
    summary = "value refused"


class TooLarge(RecordError):
    """A payload is over its limit. Keep the bulk elsewhere and pass a reference with its hash."""

    code = "HITL-R03"


class ProtocolUnknown(RecordError):
    """The record was written by a protocol version that this release does not read."""

    code = "HITL-R04"


class ResultNotKept(RecordError):
    """A tool ran and its result cannot be kept. Recorded as failed, in words that say that it must not be repeated."""

    code = "HITL-R05"

    @classmethod
    def because(cls, reason: Exception) -> ResultNotKept:
        """The error for a result that `reason` keeps from being stored."""
        why = str(reason).rstrip(".")[:2000]
        return cls(f"{RAN}, but its result cannot be kept: {why}. What it did is done; do not repeat it.")


class NotUnderstood(RecordError, FaultyError):
    """A call of the HTTP API is not as it has to be; `faults` has everything that is wrong. Nothing was done."""

    code = "HITL-R06"
    summary = "call refused"


RAN: Final = "It ran"
"""How the recorded error of a call begins that had its effect."""


# ── adapters ─────────────────────────────────────────────────────────────────────────────────────────────────


class AdapterError(HitlError):
    """The framework side could not do what was asked."""

    code = "HITL-A01"


class AdapterNotFound(AdapterError, LookupError):
    """Nothing is registered under that name."""

    code = "HITL-A02"


class AdapterNotInstalled(AdapterError, ImportError):
    """The name is known, but the packages it needs are not installed."""

    code = "HITL-A03"


class AdapterTooOld(AdapterError):
    """The installed framework is older than the adapter supports."""

    code = "HITL-A04"


class AdapterConflict(AdapterError):
    """Two installed packages offer the same name."""

    code = "HITL-A05"


class AppRefused(AdapterError):
    """The app cannot be overseen as it stands: something in it would lose a pause or skip the gate."""

    code = "HITL-A06"


class AppChanged(AdapterError):
    """The app no longer has the place that was paused. Nothing ran; deploy the older app or cancel the run."""

    code = "HITL-A07"


class PauseAmbiguous(AdapterError):
    """The app does not show what an answer means at this pause. Register a codec for it; we never guess."""

    code = "HITL-A08"


class CapabilityNotSupported(AdapterError, NotImplementedError):
    """The adapter declared that it cannot do this, and why."""

    code = "HITL-A09"

    def __init__(self, adapter: str, capability: str, because: str) -> None:
        super().__init__(f"adapter {adapter!r} does not support {str(capability)!r}: {because}")
        self.adapter, self.capability, self.because = adapter, capability, because

    def __reduce__(self) -> tuple[type[CapabilityNotSupported], tuple[str, str, str]]:
        return type(self), (self.adapter, self.capability, self.because)


class NoRun(AdapterError):
    """A gated tool was called outside a run, so nobody could have approved it. It did not run."""

    code = "HITL-A10"


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────


class ResponseRefused(FaultyError, ValueError):
    """The answer was not taken; `faults` has everything that is wrong with it. The run is unharmed."""

    code = "HITL-D01"
    summary = "response refused"


class RequestNotFound(ResponseRefused, LookupError):
    """No such request."""

    code = "HITL-D02"


class AlreadyDecided(ResponseRefused):
    """Another answer came first. The first valid answer wins; this one had no effect."""

    code = "HITL-D03"


class RequestClosed(ResponseRefused):
    """The request takes no answers any more (cancelled, superseded, revoked) or not now (frozen by a stop)."""

    code = "HITL-D04"


class RequestExpired(ResponseRefused):
    """The deadline has passed and its declared outcome applies."""

    code = "HITL-D05"


class NotAuthorised(ResponseRefused, PermissionError):
    """The responder may not decide this request."""

    code = "HITL-D06"


class DraftMoved(ResponseRefused):
    """The shared draft has a newer version than the one that this is about; nothing was changed or decided."""

    code = "HITL-D07"


class BatchRefused(ResponseRefused):
    """These requests cannot be answered in one gesture. None of the answers was taken."""

    code = "HITL-D08"
    summary = "batch refused"


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


class RunError(HitlError):
    """A run cannot do what was asked."""

    code = "HITL-U01"


class RunNotFound(RunError, LookupError):
    """No such run."""

    code = "HITL-U02"


class RunBusy(RunError):
    """Another worker holds the run."""

    code = "HITL-U03"


class RunFinished(RunError):
    """The run is over."""

    code = "HITL-U04"


class LeaseLost(RunError):
    """Our claim on the run ended (it expired and another worker took over). Whatever we do now is refused."""

    code = "HITL-U05"


class GuidanceRefused(RunError, FaultyError, ValueError):
    """The guidance was not queued; `faults` has everything that is wrong with it. The run is unharmed."""

    code = "HITL-U07"
    summary = "guidance refused"


class MayNotSteer(GuidanceRefused, PermissionError):
    """Whoever gave the guidance may not steer this run: an agent does not steer itself."""

    code = "HITL-U08"


class NothingToUndo(RunError, LookupError):
    """There is nothing to take back: the run, or the call that was named, has carried out no action."""

    code = "HITL-U09"


class OverrideRefused(RunError, ValueError):
    """There is no output to replace, or no result that is still to be used. Nothing was changed."""

    code = "HITL-U10"


class GrantNotGiven(RunError, FaultyError, ValueError):
    """A standing grant cannot be given like this; `faults` has everything that is wrong with it."""

    code = "HITL-U11"
    summary = "grant refused"


class GrantNotFound(GrantNotGiven, LookupError):
    """No such grant."""

    code = "HITL-U12"


class PersonNotErasable(RunError, FaultyError, ValueError):
    """Something that is not over rests on a person who is to be erased; `faults` says what to end first."""

    code = "HITL-U13"
    summary = "not erased"


class PersonNotFound(PersonNotErasable, LookupError):
    """Nothing in the store is of such a person."""

    code = "HITL-U14"


class ToolsRefused(RunError, FaultyError, ValueError):
    """The run cannot have these client tools; `faults` has everything that is wrong with them. Nothing was started."""

    code = "HITL-U15"
    summary = "client tools refused"


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────


class NotPermitted(FaultyError, PermissionError):
    """A person may not do this: they are unknown, of another tenant, without the role, or not the other person that it
    needs. Nothing was changed."""

    code = "HITL-P01"
    summary = "not permitted"


class NotSignedIn(HitlError, PermissionError):
    """The server does not know who calls: no token came along, or one that is unknown, revoked or over."""

    code = "HITL-P02"


# ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────


class EffectRefused(HitlError):
    """The last check before the tool said no. The tool did not run."""

    code = "HITL-E01"


class Stopped(EffectRefused):
    """A stop is in force for this run, agent, tool or everything; `scope` and `target` name it where it is known."""

    code = "HITL-E02"
    scope = ""
    target = ""


class DigestMismatch(EffectRefused):
    """What would run is not what was approved."""

    code = "HITL-E03"


class AlreadyStarted(EffectRefused):
    """This call was started before; it is never started twice without a person knowing."""

    code = "HITL-E04"


class HistoryMoved(EffectRefused):
    """More has begun, of what a budget or a rate counts, than the decision about this action knew."""

    code = "HITL-E06"


class GrantRefused(EffectRefused):
    """The standing grant under which this was to begin is used up, over, revoked, or not about it."""

    code = "HITL-E07"


class CallRefused(HitlError):
    """A guarded call has no result: the gate refused it, it was tried and failed, or it ran and its result cannot be
    kept; the message says which, and why.

    It is the same error whenever the call is asked about again, so that an app that catches it goes the same way.
    """

    code = "HITL-E05"


# ── store ────────────────────────────────────────────────────────────────────────────────────────────────────


class StoreError(HitlError):
    """The store could not do what was asked. Nothing half-done was kept."""

    code = "HITL-S01"


class StoreUnavailable(StoreError, OSError):
    """The store cannot be reached or written (missing, locked, full, read-only)."""

    code = "HITL-S02"


class StoreTooNew(StoreError):
    """The store's schema was written by a newer release; this one leaves it alone."""

    code = "HITL-S03"


class RowCorrupt(StoreError):
    """Stored bytes no longer match their digest; the row is not used."""

    code = "HITL-S04"


class StoreMoved(StoreError):
    """Everything is in another store now, which is named; this one is closed for good."""

    code = "HITL-S05"


class StoreUnfinished(StoreError):
    """What another store had is not known to be all here; until then that one counts, and this one is not used.

    `source` is the URL of the other one.
    """

    code = "HITL-S06"

    def __init__(self, message: str, source: str = "") -> None:
        super().__init__(message)
        self.source = source
