"""Who may come to which route: the whole of it. A route that does not stand here fails the tests."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from hitl_core.server.auth import Right


class Open(StrEnum):
    """What needs no right."""

    EVERYBODY = "everybody"
    SIGNED_IN = "who has signed in"
    SECRET = "who has a secret or a signature that is in the request"
    HERE = "this machine, or who has the right to read the trail of all tenants"


Needs = Open | Right

TABLE: Final[dict[tuple[str, str], Needs]] = {
    ("GET", "/openapi.json"): Open.EVERYBODY,
    ("GET", "/static/{digest}/{name}"): Open.EVERYBODY,
    ("GET", "/healthz"): Open.EVERYBODY,
    ("GET", "/readyz"): Open.EVERYBODY,
    ("GET", "/metrics"): Open.HERE,
    ("GET", "/login"): Open.EVERYBODY,
    ("GET", "/login/oidc"): Open.EVERYBODY,
    ("GET", "/login/oidc/back"): Open.SECRET,
    ("GET", "/login/{secret}"): Open.SECRET,
    ("POST", "/login/{secret}"): Open.SECRET,
    ("GET", "/l/{secret}"): Open.SECRET,
    ("POST", "/l/{secret}"): Open.SECRET,
    ("POST", "/hooks/slack/{name}"): Open.SECRET,
    ("POST", "/hooks/webhook/{name}"): Open.SECRET,
    ("POST", "/logout"): Open.SIGNED_IN,
    ("GET", "/feed"): Open.SIGNED_IN,
    ("GET", "/api/events"): Open.SIGNED_IN,
    ("GET", "/"): Right.REQUESTS,
    ("GET", "/queue"): Right.REQUESTS,
    ("GET", "/requests/{request_id}"): Right.REQUESTS,
    ("GET", "/requests/{request_id}/status"): Right.REQUESTS,
    ("POST", "/requests/{request_id}/decide"): Right.REQUESTS,
    ("POST", "/requests/{request_id}/undo"): Right.REQUESTS,
    ("POST", "/requests/{request_id}/seen"): Right.REQUESTS,
    ("POST", "/requests/{request_id}/preview"): Right.REQUESTS,
    ("POST", "/requests/{request_id}/draft"): Right.REQUESTS,
    ("POST", "/requests/{request_id}/comment"): Right.REQUESTS,
    ("POST", "/requests/{request_id}/defer"): Right.REQUESTS,
    ("POST", "/batch"): Right.REQUESTS,
    ("POST", "/batch/give"): Right.REQUESTS,
    ("GET", "/batch/{batch_id}"): Right.REQUESTS,
    ("GET", "/runs"): Right.RUNS,
    ("GET", "/runs/{run_id}"): Right.RUNS,
    ("GET", "/runs/{run_id}/account.{form}"): Right.RUNS,
    ("GET", "/runs/{run_id}/{act}"): Right.OPERATE,
    ("POST", "/runs/{run_id}/{act}"): Right.OPERATE,
    ("GET", "/stops"): Right.OPERATE,
    ("POST", "/stops"): Right.OPERATE,
    ("POST", "/stops/lift"): Right.OPERATE,
    ("GET", "/grants"): Right.OPERATE,
    ("POST", "/grants"): Right.OPERATE,
    ("POST", "/grants/{grant_id}/revoke"): Right.OPERATE,
    ("GET", "/tokens"): Right.TOKENS,
    ("POST", "/tokens"): Right.TOKENS,
    ("POST", "/tokens/{token_id}/revoke"): Right.TOKENS,
    ("GET", "/policy"): Right.POLICY,
    ("POST", "/policy/explain"): Right.POLICY,
    ("POST", "/policy/backtest"): Right.POLICY,
    ("GET", "/audit"): Right.AUDIT,
    ("GET", "/audit/trail.csv"): Right.AUDIT,
    ("POST", "/audit/verify"): Right.AUDIT,
    ("GET", "/audit/verify"): Right.AUDIT,
    ("POST", "/api/runs/stream"): Right.START,
    ("POST", "/api/runs/{id}/stream"): Right.START,
    ("GET", "/api/threads/{thread:path}"): Right.RUNS,
    ("GET", "/api/runs"): Right.RUNS,
    ("POST", "/api/runs"): Right.START,
    ("GET", "/api/runs/{id}"): Right.RUNS,
    ("POST", "/api/runs/{id}/resume"): Right.START,
    ("GET", "/api/runs/{id}/effects"): Right.RUNS,
    ("GET", "/api/runs/{id}/account"): Right.RUNS,
    ("GET", "/api/runs/{id}/overrides"): Right.RUNS,
    ("GET", "/api/runs/{id}/guidance"): Right.RUNS,
    ("GET", "/api/runs/{id}/undos"): Right.RUNS,
    ("GET", "/api/runs/{id}/undone"): Right.RUNS,
    ("POST", "/api/runs/{id}/cancel"): Right.OPERATE,
    ("POST", "/api/runs/{id}/rewind"): Right.OPERATE,
    ("POST", "/api/runs/{id}/undo"): Right.OPERATE,
    ("POST", "/api/runs/{id}/override"): Right.OPERATE,
    ("POST", "/api/runs/{id}/steer"): Right.OPERATE,
    ("POST", "/api/runs/{id}/erase"): Right.OPERATE,
    ("GET", "/api/requests"): Right.REQUESTS,
    ("GET", "/api/requests/{id}"): Right.REQUESTS,
    ("GET", "/api/requests/{id}/alike"): Right.REQUESTS,
    ("POST", "/api/requests/{id}/preview"): Right.REQUESTS,
    ("POST", "/api/requests/{id}/defer"): Right.REQUESTS,
    ("POST", "/api/requests/{id}/revoke"): Right.OPERATE,
    ("GET", "/api/requests/{id}/comments"): Right.REQUESTS,
    ("POST", "/api/requests/{id}/comments"): Right.REQUESTS,
    ("GET", "/api/requests/{id}/draft"): Right.REQUESTS,
    ("PUT", "/api/requests/{id}/draft"): Right.REQUESTS,
    ("POST", "/api/requests/{id}/response"): Right.REQUESTS,
    ("POST", "/api/responses"): Right.REQUESTS,
    ("POST", "/api/requests/{id}/response-and-grant"): Right.OPERATE,
    ("GET", "/api/grants"): Right.RUNS,
    ("POST", "/api/grants"): Right.OPERATE,
    ("POST", "/api/grants/{id}/revoke"): Right.OPERATE,
    ("GET", "/api/stops"): Right.RUNS,
    ("POST", "/api/stops"): Right.OPERATE,
    ("POST", "/api/stops/lift"): Right.OPERATE,
    ("GET", "/api/stops/reach"): Right.RUNS,
    ("GET", "/api/policy"): Right.POLICY,
    ("POST", "/api/policy/explain"): Right.POLICY,
    ("POST", "/api/policy/backtest"): Right.POLICY,
    ("GET", "/api/audit"): Right.AUDIT,
    ("GET", "/api/audit/verify"): Right.AUDIT,
    ("GET", "/api/me"): Open.SIGNED_IN,
    ("GET", "/api/people"): Right.REQUESTS,
    ("GET", "/api/tokens"): Right.TOKENS,
    ("POST", "/api/tokens"): Right.TOKENS,
    ("DELETE", "/api/tokens/{id}"): Right.TOKENS,
    ("GET", "/api/app"): Right.RUNS,
    ("GET", "/api/workload"): Right.RUNS,
    ("POST", "/api/tick"): Right.START,
    ("POST", "/api/retention"): Right.OPERATE,
    ("POST", "/api/people/erasure"): Right.OPERATE,
}

ALSO: Final[dict[tuple[str, str], frozenset[Right]]] = {
    ("GET", "/runs/{run_id}/{act}"): frozenset({Right.RUNS}),
    ("POST", "/runs/{run_id}/{act}"): frozenset({Right.RUNS}),
}
"""Rights that are needed besides."""

ENDLESS: Final = frozenset({("GET", "/feed"), ("GET", "/api/events")})
"""What is answered without end to who may hear it; tests/server/feed listens."""

OF_ONE: Final = frozenset(
    {("GET", "/batch/{batch_id}"), ("DELETE", "/api/tokens/{id}"), ("POST", "/tokens/{token_id}/revoke")}
)
"""What is there for whoever has made it only."""

CHANGES: Final = sorted(route for route in TABLE if route[0] not in ("GET", "HEAD"))
GUARDED: Final = sorted(route for route, needs in TABLE.items() if isinstance(needs, Right))


def rights_for(route: tuple[str, str]) -> frozenset[Right]:
    """All the rights that a route needs."""
    needs = TABLE[route]
    return ALSO.get(route, frozenset()) | ({needs} if isinstance(needs, Right) else frozenset())
