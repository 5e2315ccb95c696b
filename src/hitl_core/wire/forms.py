"""Answers as JSON and back. Records travel as they are; what else a runtime returns has its form here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import BaseModel, TypeAdapter

from ..audit import Account, Report
from ..commands import Effect, ErasedPerson, Override, Page, Recorded, Settled, Stop, Workload
from ..contracts import Finding
from ..policy import Backtested, Explanation
from ..protocol import (
    AuditEntry,
    Comment,
    DraftVersion,
    Grant,
    Guidance,
    LiveEvent,
    Preview,
    Run,
    Said,
    Undoing,
)
from ..runtime import Batch, InForce, Reach
from .batches import BatchForm, Granted
from .explaining import ExplanationForm
from .people import Known, MadeToken, Me, TokenForm

T = TypeVar("T")


def _same(value: Any) -> Any:
    return value


class Form(Generic[T]):
    """How values of one type travel: `write` makes JSON, `read` the value again. `name` is that of its schema.

    Nothing is checked when it is written: what is in the store is told as it is.
    """

    def __init__(
        self,
        name: str,
        kind: Any,
        *,
        of: Callable[[T], Any] = _same,
        back: Callable[[Any], T] = _same,
    ) -> None:
        self.name, self.kind = name, kind
        self.adapter: TypeAdapter[Any] = TypeAdapter(kind)
        self._of, self._back = of, back

    def write(self, value: T) -> bytes:
        return self.adapter.dump_json(self._of(value), warnings=False)

    def read(self, text: bytes | str) -> T:
        """Raises pydantic.ValidationError for what is no such value."""
        return self._back(self.adapter.validate_json(text))


class Count(BaseModel):
    """How many there were."""

    count: int


RUN: Final = Form[Run]("Run", Run)
RUNS: Final = Form[Page[Run]]("RunPage", Page[Run])
TRANSCRIPT: Final = Form[Page[Said]]("SaidPage", Page[Said])
EFFECTS: Final = Form[tuple[Effect, ...]]("Effects", tuple[Effect, ...])
OVERRIDE: Final = Form[Override]("Override", Override)
OVERRIDES: Final = Form[tuple[Override, ...]]("Overrides", tuple[Override, ...])
UNDOING: Final = Form[Undoing]("Undoing", Undoing)
UNDOINGS: Final = Form[tuple[Undoing, ...]]("Undoings", tuple[Undoing, ...])
GUIDANCE: Final = Form[Guidance]("Guidance", Guidance)
GUIDANCES: Final = Form[tuple[Guidance, ...]]("Guidances", tuple[Guidance, ...])
ACCOUNT: Final = Form[Account]("Account", Account)
FINDINGS: Final = Form[tuple[Finding, ...]]("Findings", tuple[Finding, ...])
SETTLED: Final = Form[Settled]("Settled", Settled)
INBOX: Final = Form[Page[Settled]]("SettledPage", Page[Settled])
ALIKE: Final = Form[tuple[Settled, ...]]("Alike", tuple[Settled, ...])
RECORDED: Final = Form[Recorded]("Recorded", Recorded)
BATCH: Final = Form[Batch]("Batch", BatchForm, of=BatchForm.of, back=lambda form: cast("BatchForm", form).batch())
COMMENT: Final = Form[Comment]("Comment", Comment)
COMMENTS: Final = Form[tuple[Comment, ...]]("Comments", tuple[Comment, ...])
VERSION: Final = Form[DraftVersion]("DraftVersion", DraftVersion)
VERSIONS: Final = Form[tuple[DraftVersion, ...]]("DraftVersions", tuple[DraftVersion, ...])
PREVIEW: Final = Form[Preview | None]("MaybePreview", Preview | None)
GRANT: Final = Form[Grant]("Grant", Grant)
GRANTS: Final = Form[tuple[Grant, ...]]("Grants", tuple[Grant, ...])
GRANTED: Final = Form[Granted]("Granted", Granted)
STOPS: Final = Form[tuple[Stop, ...]]("Stops", tuple[Stop, ...])
REACH: Final = Form[tuple[Reach, ...]]("Reaches", tuple[Reach, ...])
COUNT: Final = Form[Count]("Count", Count)
EXPLANATION: Final = Form[Explanation](
    "Explanation",
    ExplanationForm,
    of=ExplanationForm.of,
    back=lambda form: cast("ExplanationForm", form).explanation(),
)
POLICY: Final = Form[InForce]("InForce", InForce)
BACKTESTED: Final = Form[Backtested]("Backtested", Backtested)
AUDIT: Final = Form[Page[AuditEntry]]("AuditPage", Page[AuditEntry])
WORKLOAD: Final = Form[Workload]("Workload", Workload)
REPORT: Final = Form[Report]("AuditReport", Report)
ERASED: Final = Form[ErasedPerson]("ErasedPerson", ErasedPerson)
EVENT: Final = Form[LiveEvent]("LiveEvent", LiveEvent)
PEOPLE: Final = Form[tuple[Known, ...]]("People", tuple[Known, ...])
ME: Final = Form[Me]("Me", Me)
TOKENS: Final = Form[tuple[TokenForm, ...]]("Tokens", tuple[TokenForm, ...])
MADE_TOKEN: Final = Form[MadeToken]("MadeToken", MadeToken)

FORMS: Final = tuple(each for each in tuple(globals().values()) if isinstance(each, Form))
