"""What went wrong, in words or as JSON: the code, every fault on a line of its own, and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..channels.plain_text import visible
from ..errors import (
    AdapterConflict,
    AdapterError,
    AdapterNotFound,
    AdapterNotInstalled,
    AdapterTooOld,
    AlreadyDecided,
    AppChanged,
    AppRefused,
    CallRefused,
    ConfigError,
    EffectRefused,
    Fault,
    FaultyError,
    GrantNotFound,
    GrantNotGiven,
    GuidanceRefused,
    HitlError,
    LeaseLost,
    MayNotSteer,
    NotAuthorised,
    NotPermitted,
    NotSignedIn,
    PauseAmbiguous,
    PersonNotErasable,
    PersonNotFound,
    RecordError,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    ResponseRefused,
    RowCorrupt,
    RunBusy,
    RunError,
    RunFinished,
    RunNotFound,
    Stopped,
    StoreError,
    StoreMoved,
    StoreTooNew,
    StoreUnfinished,
)
from ..lifecycle import IllegalMove
from ..protocol import Json


class WrongUsage(Exception):
    """The command line itself is wrong; nothing was done. Has every fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


ShownError = HitlError | WrongUsage

_MISCONFIGURED: Final = (
    ConfigError,
    AdapterNotFound,
    AdapterNotInstalled,
    AdapterTooOld,
    AdapterConflict,
    WrongUsage,
)

_ROLES: Final = "without a directory of people, --role says which role you act in"
_NEXT: Final[tuple[tuple[type[Exception], str], ...]] = (
    (WrongUsage, "see --help of this command"),
    (RequestNotFound, "`hitl inbox` lists what is open"),
    (AlreadyDecided, "`hitl show REQUEST` says who decided what"),
    (RequestClosed, "`hitl show REQUEST` says what became of it, `hitl stops` what is stopped"),
    (RequestExpired, "its declared outcome applies; `hitl show REQUEST` says which"),
    (NotAuthorised, f"the request is still open: let somebody decide who may; {_ROLES}"),
    (ResponseRefused, "the request is still open: correct the answer and send it again"),
    (ConfigError, "correct it; `hitl doctor` says what is configured"),
    (AdapterConflict, "uninstall one of the two"),
    (AdapterNotInstalled, "install it; `hitl doctor` says what is there"),
    (AdapterTooOld, "upgrade it; `hitl doctor` says what is there"),
    (AdapterNotFound, "`hitl doctor` lists what is installed"),
    (AppRefused, "correct the app; `hitl doctor` shows all that was found in it"),
    (AppChanged, "deploy the app as it was when it paused, or `hitl cancel RUN`"),
    (PauseAmbiguous, "say in [backend.options.codecs] what an answer means there"),
    (AdapterError, "`hitl doctor` says what this backend can do"),
    (NotSignedIn, "nothing was done: have a token made on the server (`hitl token make`), and give it as HITL_TOKEN"),
    (NotPermitted, f"nothing was changed: let somebody do it who may; {_ROLES}"),
    (MayNotSteer, "say with --as who you are: an agent does not steer itself"),
    (GuidanceRefused, "nothing was queued: correct the text and say it again"),
    (RunNotFound, "`hitl runs` lists the runs"),
    (RunBusy, "wait for the process that works on it; `hitl runs RUN` shows the state"),
    (RunFinished, "start another one with `hitl run`"),
    (GrantNotFound, "`hitl grants` lists them"),
    (GrantNotGiven, "no grant was given: correct it, or answer each request by itself"),
    (PersonNotFound, "nothing was changed: `hitl audit export` has the names, as they are written"),
    (PersonNotErasable, "nothing was changed: end what is listed, then erase them"),
    (LeaseLost, "`hitl runs RUN` shows what the other worker made of it"),
    (Stopped, "`hitl stops` lists the stops in force, `hitl lift` ends one"),
    (RowCorrupt, "restore the database from a backup"),
    (StoreTooNew, "upgrade hitl-core"),
    (StoreMoved, "put the new store's URL in `store.url`"),
    (StoreUnfinished, "run the same `hitl store copy` again, where the other store can be reached"),
    (StoreError, "`hitl doctor` checks the store"),
    (RecordError, "nothing was stored; correct the value and try again"),
    (CallRefused, "`hitl runs RUN` shows what became of the call"),
    (EffectRefused, "the tool did not run; `hitl runs RUN` shows why"),
    (RunError, "`hitl runs RUN` shows how it stands"),
    (IllegalMove, "nothing was changed; `hitl show REQUEST` shows how it stands"),
)


def is_misconfigured(error: ShownError) -> bool:
    """Whether the caller's command line, configuration or installation is to blame, not the state of the work."""
    return isinstance(error, _MISCONFIGURED)


def code_of(error: ShownError) -> str:
    return error.code if isinstance(error, HitlError) else "usage"


def faults_of(error: ShownError) -> tuple[Fault, ...]:
    """Every single fault, where the error has any."""
    return error.faults if isinstance(error, FaultyError | WrongUsage) else ()


def next_step(error: type[Exception]) -> str:
    """What to do about an error of this kind ("" if we do not know)."""
    return next((step for kind, step in _NEXT if issubclass(error, kind)), "")


def in_words(error: ShownError) -> Iterator[str]:
    """The lines for a terminal: what, every fault, the next step."""
    faults = faults_of(error)
    yield f"error {code_of(error)}: {visible(_headline(error))}"
    for fault in faults:
        yield f"  - {visible(str(fault))}"
    if step := next_step(type(error)):
        yield f"next: {step}"


def as_json(error: ShownError) -> dict[str, Json]:
    """`{"error": {"code", "message", "faults": [{"path", "problem"}], "next"}}`."""
    faults: list[Json] = [{"path": fault.path, "problem": fault.problem} for fault in faults_of(error)]
    body: dict[str, Json] = {
        "code": code_of(error),
        "message": str(error),
        "faults": faults,
        "next": next_step(type(error)),
    }
    return {"error": body}


def _headline(error: ShownError) -> str:
    if isinstance(error, WrongUsage):
        return "the command was not understood, so nothing was done"
    return error.summary if isinstance(error, FaultyError) else str(error)
