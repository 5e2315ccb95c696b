"""The calls that are not ours to carry out: those of the tools that a run was started with. They always ask. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import EffectRefused
from ..protocol import Kind, OnTimeout, Ruling, Run
from ..tools import CatalogueOfRun, client_tool
from .forms import Form
from .surroundings import Surroundings


def of_run(run: Run, around: Surroundings) -> Surroundings:
    """The same surroundings, which know the tools that a run was started with."""
    if not run.tools:
        return around
    return replace(around, catalogue=CatalogueOfRun(around.catalogue, tuple(map(client_tool, run.tools))))


class ClientTools:
    """The client tools of a run, by name: whatever an adapter says of a call of one, this is how it is asked about."""

    def __init__(self, run: Run) -> None:
        self._titles: Mapping[str, str] = {each.name: each.description for each in run.tools}

    def form(self, tool: str, form: Form) -> Form:
        """The form of a call: what answers it is its result, of whatever form."""
        if tool not in self._titles:
            return form
        title = self._titles[tool].strip()
        asked = replace(form, kind=Kind.INPUT, title=title, allowed=None, options=(), answer_schema={}, in_doubt=False)
        return replace(asked, arguments_schema=None)

    def ruling(self, tool: str, ruling: Ruling) -> Ruling:
        """Nothing can go on in the place of an answer: silence refuses."""
        proceeds = tool in self._titles and ruling.on_timeout is OnTimeout.PROCEED
        return ruling.model_copy(update={"on_timeout": OnTimeout.REFUSE}) if proceeds else ruling

    def require_ours(self, tool: str) -> None:
        """Raises EffectRefused for what nobody here may carry out."""
        if tool in self._titles:
            raise EffectRefused(f"{tool!r} is a client tool; whoever started the run carries it out, and nothing here")
