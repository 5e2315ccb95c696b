"""The policy: what is in force, why it decides as it does, and what another one would have decided."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response

from ...policy import Policy
from ...wire import bodies, forms
from ..auth import PolicyVisitor
from ..auth.tenants import require_home
from ..site import CurrentSite
from .calls import Calls, answer, sent

router = Calls("policy", "/api/policy")

SENT = "policy.toml"
"""What a policy is called that was sent."""


@router.call("GET", "", "readPolicy", forms.POLICY)
async def read_policy(visitor: PolicyVisitor, site: CurrentSite) -> Response:
    """The policy in force: its version and its rules, in the order of the file."""
    return answer(forms.POLICY, await site.hitl.policy())


@router.call("POST", "/explain", "explain", forms.EXPLANATION)
async def explain(
    visitor: PolicyVisitor, site: CurrentSite, body: Annotated[bodies.Explaining, sent(bodies.Explaining)]
) -> Response:
    """What the policy says about an action, why, and the nearest single value that would alter the level.

    What is not said of it is as it is here and now. Nothing is written.
    """
    policy = None if body.policy is None else Policy.from_toml(body.policy, name=SENT)
    asked = dict(body.asked)
    if visitor.tenant is not None:
        asked["tenant"] = visitor.tenant
    return answer(forms.EXPLANATION, await site.hitl.explain(asked, policy=policy))


@router.call("POST", "/backtest", "backtest", forms.BACKTESTED)
async def backtest(
    visitor: PolicyVisitor, site: CurrentSite, body: Annotated[bodies.Backtesting, sent(bodies.Backtesting)]
) -> Response:
    """What would have come of the recorded actions under another policy, and whose fate changes. Nothing is written."""
    require_home(site, visitor, "a backtest")
    policy = Policy.from_toml(body.policy, name=SENT)
    return answer(forms.BACKTESTED, await site.hitl.backtest(policy, since=body.since))
