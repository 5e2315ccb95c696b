"""How calls are described: the answers that each can give, and the document that holds all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from ...wire import FORMS, MEDIA_TYPE, Form, Problem
from ...wire.bodies import BODIES

ALWAYS: Final = (400, 401, 403, 408, 421, 422, 429, 500, 503)
"""Statuses of problems that any call can have; some of them are of the middleware, before anybody looks at the call."""
OF_A_BODY: Final = (413, 415)
REFERENCE: Final = "#/components/schemas/{model}"

ABOUT: Final = """What people are asked by agents, what they answer, and what they do to runs.

Every failure is a problem (RFC 9457) with all its faults, and means that nothing was done. What is another tenant's is
answered as if it did not exist. Times are RFC 3339. Cursors are opaque: give that of the page before, as it was.
"""

SECURITY: Final[tuple[dict[str, list[str]], ...]] = ({"token": []}, {"session": []})
"""Either will do."""

TAGS: Final = {
    "runs": "Runs: started, watched, resumed, and what people do to them.",
    "requests": "What people are asked, and what they answer.",
    "grants": "What people let run for a time without being asked each time.",
    "stops": "Stops: nothing that one covers starts any more.",
    "policy": "What decides when people are asked.",
    "audit": "The sealed trail of all that was done.",
    "people": "Who is there.",
    "events": "What happens, as it happens.",
    "upkeep": "What an operator does now and then.",
    "watching": "How the process is, for whoever watches it.",
}

SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of the API, made on the server."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "hitl_session",
        "description": "The session of somebody who is signed in to the inbox. What changes something needs its "
        "X-CSRF-Token too.",
    },
}


def responses(
    form: Form[Any] | None, status: int, problems: tuple[int, ...], headers: Mapping[str, str], media: str
) -> dict[int | str, dict[str, Any]]:
    """The answers of a call: what it gives, and every problem."""
    told: dict[str, Any] = {} if form is None else {"schema": {"$ref": REFERENCE.format(model=form.name)}}
    good: dict[str, Any] = {"description": "As it is now." if form else "A stream of events.", "content": {media: told}}
    if headers:
        good["headers"] = {name: {"description": why, "schema": {"type": "string"}} for name, why in headers.items()}
    found: dict[int | str, dict[str, Any]] = {status: good}
    return found | {each: _problem(each) for each in sorted(set(problems))}


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model="Problem")}
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


def describing(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What makes the OpenAPI document of an app: made once, when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    return document


def _document(app: FastAPI) -> dict[str, Any]:
    tags = [{"name": name, "description": about} for name, about in TAGS.items()]
    made = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes, tags=tags)
    schemas = made.get("components", {}).get("schemas", {}) | _schemas()
    made["components"] = {"schemas": dict(sorted(schemas.items())), "securitySchemes": dict(SCHEMES)}
    for path, operations in made["paths"].items():
        for operation in operations.values() if path.startswith("/api/") else ():
            _complete(operation)
    return made


def _complete(operation: dict[str, Any]) -> None:
    """What the calls of other rooms have in common with those of this one."""
    operation.setdefault("security", [dict(each) for each in SECURITY])
    for status in ALWAYS:
        found = operation["responses"].get(str(status), {}).get("content", {})
        if MEDIA_TYPE not in found:
            operation["responses"][str(status)] = _problem(status)


def _schemas() -> dict[str, Any]:
    """The schema of every form and body, by its name."""
    wanted: list[tuple[str, Any, TypeAdapter[Any]]] = [(each.name, "serialization", each.adapter) for each in FORMS]
    wanted += [(each.__name__, "validation", TypeAdapter(each)) for each in BODIES]
    wanted += [("Problem", "serialization", TypeAdapter(Problem))]
    schemas, parts = TypeAdapter.json_schemas(wanted, ref_template=REFERENCE)
    named: dict[str, Any] = dict(parts.get("$defs", {}))
    for (name, _), schema in schemas.items():
        if schema != {"$ref": REFERENCE.format(model=name)}:
            named[name] = schema
    return named
