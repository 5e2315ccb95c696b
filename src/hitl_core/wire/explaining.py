"""Why the policy decides as it does, as it travels: all but the scene that each change was tried on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..policy import Change, Explanation, Weighed
from ..protocol import Json, Ruling


class ChangeForm(BaseModel):
    """One value that would have to be another, and the ruling then."""

    model_config = ConfigDict(frozen=True, title="Change", extra="ignore")

    what: str
    value: Json = None
    there: bool
    to: Json = None
    stays: bool
    distance: float
    rule: str
    condition: str
    ruling: Ruling

    @classmethod
    def of(cls, change: Change) -> ChangeForm:
        return cls.model_construct(**{name: getattr(change, name) for name in cls.model_fields})

    def change(self) -> Change:
        return Change(**{name: getattr(self, name) for name in type(self).model_fields})


class ExplanationForm(BaseModel):
    """The ruling on an action, what became of every rule, and the single values that would alter its level."""

    model_config = ConfigDict(frozen=True, title="Explanation", extra="ignore")

    ruling: Ruling
    rules: tuple[Weighed, ...]
    changes: tuple[ChangeForm, ...] = ()
    untried: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Explanation) -> ExplanationForm:
        changes = tuple(ChangeForm.of(each) for each in found.changes)
        return cls.model_construct(ruling=found.ruling, rules=found.rules, changes=changes, untried=found.untried)

    def explanation(self) -> Explanation:
        changes = tuple(each.change() for each in self.changes)
        return Explanation(self.ruling, self.rules, changes, self.untried)
