"""`hitl revoke`: a decision that has not been used yet is taken back."""

from __future__ import annotations

from rich.text import Text

from ...commands import Settled
from ...runtime import Runtime
from ..hints import Hints
from ..lookup import find_request
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, Reason, RequestId, Roles, responder
from ..terminal import json_views
from ..terminal.listings import state_text
from ..terminal.output import Output


def revoke(
    request: RequestId,
    as_: As,
    config: ConfigFile = DEFAULT_CONFIG,
    role: Roles = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Take back a decision that has not been used yet. What it allowed does not run."""
    output, who = Output(as_json), responder(as_, role)

    async def work(hitl: Runtime) -> Settled:
        settled = await find_request(hitl, request)
        return await hitl.revoke(settled.request.id, by=who, reason=reason)

    settled = Opening(config).do(work)
    line = Text.assemble("request ", (settled.request.id, "bold"), " is ", state_text(settled.state))
    run_id = settled.request.run_id
    told = Text(f"the agent is told when its run goes on: {Hints(config)('resume', run_id)}", "dim")
    output.result(json_views.settled_view(settled), line, told)
