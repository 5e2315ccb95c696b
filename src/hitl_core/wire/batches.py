"""What became of a batch, as it travels: an answer that was refused carries its problem."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..commands import Recorded
from ..errors import ResponseRefused
from ..protocol import Grant, Response
from ..runtime import Answered, Batch
from .problems import Problem, error_of, problem_of


class AnsweredForm(BaseModel):
    """What became of one answer: recorded, or refused for a reason of its own."""

    model_config = ConfigDict(frozen=True, title="Answered")

    response: Response
    recorded: Recorded | None = None
    refused: Problem | None = None

    @classmethod
    def of(cls, one: Answered) -> AnsweredForm:
        refused = None if one.refused is None else problem_of(one.refused)
        return cls.model_construct(response=one.response, recorded=one.recorded, refused=refused)

    def answered(self) -> Answered:
        if self.refused is None:
            return Answered(self.response, self.recorded)
        refused = error_of(self.refused)
        if not isinstance(refused, ResponseRefused):  # of a release that has other errors
            refused = ResponseRefused(str(refused))
        return Answered(self.response, self.recorded, refused)


class BatchForm(BaseModel):
    """What became of all answers that were given in one gesture, in their order."""

    model_config = ConfigDict(frozen=True, title="Batch")

    id: str
    answers: tuple[AnsweredForm, ...]

    @classmethod
    def of(cls, batch: Batch) -> BatchForm:
        return cls.model_construct(id=batch.id, answers=tuple(AnsweredForm.of(each) for each in batch.answers))

    def batch(self) -> Batch:
        return Batch(self.id, tuple(each.answered() for each in self.answers))


class Granted(BaseModel):
    """A decision that was recorded, and the grant that was given with it."""

    model_config = ConfigDict(frozen=True)

    recorded: Recorded
    grant: Grant
