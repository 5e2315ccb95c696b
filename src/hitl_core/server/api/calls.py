"""How a call of the API is put together: its body is read strictly, its answer written, its failure told as a problem.

Each call says in its signature what it needs; its description in the OpenAPI document is made from that.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from inspect import getdoc
from typing import Annotated, Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from pydantic import ValidationError

from ...errors import Fault, HitlError, NotUnderstood, TooLarge
from ...runtime import INPUT_LIMIT
from ...wire import MEDIA_TYPE, Form, Problem, plain_problem, problem_of, validation_faults
from ...wire.bodies import Body
from ..auth import Right, current_visitor
from .descriptions import ALWAYS, OF_A_BODY, SECURITY, responses

log = logging.getLogger("hitl_core.server")

T = TypeVar("T")
H = TypeVar("H", bound=Callable[..., Awaitable[Response]])

BODY_LIMIT: Final = 2 * INPUT_LIMIT
"""Bytes that the body of a call may have: what it holds has limits of its own."""

HEADERS: Final = {"Cache-Control": "no-store"}


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────


def answer(form: Form[T], value: T, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as the answer of a call."""
    said = {**HEADERS, **(headers or {})}
    return Response(form.write(value), status, said, "application/json")


def refusal(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as the answer of a call."""
    said = {**HEADERS, **(headers or {})}
    return Response(problem.model_dump_json(), problem.status, said, MEDIA_TYPE)


def refused(exc: Exception) -> Response:
    """Why a call came to nothing. What nobody has foreseen is logged, and not told."""
    match exc:
        case HitlError():
            return refusal(problem_of(exc))
        case RequestValidationError() | ValidationError():
            return refusal(problem_of(not_understood(exc)))
        case HTTPException():
            return refusal(plain_problem(exc.status_code, str(exc.detail)), exc.headers)
        case _:
            log.error("a call of the API failed: %s", exc, exc_info=exc)
            return refusal(plain_problem(500, "the server's log says what went wrong"))


def not_understood(exc: RequestValidationError | ValidationError) -> NotUnderstood:
    """Every fault that was found, each with its place."""
    return NotUnderstood(validation_faults(exc.errors()))


class Call(APIRoute):
    """A route whose failures are problems, whoever raised them: a dependency, a parameter, or the call itself."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, known = super().get_route_handler(), _names(self.dependant)

        async def handled(request: Request) -> Response:
            try:
                await current_visitor(request)  # before anything is said of the call itself
                _require_known(request, known)
                return await handle(request)
            except Exception as exc:
                return refused(exc)

        return handled


def _names(dependant: Dependant) -> frozenset[str]:
    """The parameters that a call has in its query."""
    found = frozenset(each.alias for each in dependant.query_params)
    return found.union(*(_names(each) for each in dependant.dependencies))


def _require_known(request: Request, known: frozenset[str]) -> None:
    """Raises NotUnderstood for a parameter that there is not: a filter that is misspelt hides nothing."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        named = ", ".join(sorted(known)) or "none"
        raise NotUnderstood(
            [Fault(f"query.{name}", f"is no parameter of this call; there are: {named}") for name in unknown]
        )


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────────


class Sent:
    """A dependency: the body of a call, read strictly. Raises NotUnderstood with every fault, TooLarge."""

    def __init__(self, model: type[Body], *, optional: bool) -> None:
        self.model, self.optional = model, optional

    async def __call__(self, request: Request) -> Body:
        raw = await body_of(request)
        if not raw and self.optional:
            return self.model()
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise HTTPException(415, f"the body is {media or 'of no named type'}, and has to be application/json")
        return self._read(raw)

    def _read(self, raw: bytes) -> Body:
        try:
            return self.model.model_validate_json(raw, strict=True)
        except ValidationError as exc:
            whole = _with_whole_numbers(raw, exc)
            if whole is None:
                raise not_understood(exc) from exc
        return self._read(whole)


def _with_whole_numbers(raw: bytes, exc: ValidationError) -> bytes | None:
    """The body with 2 for 2.0 where a whole number has to be: JSON knows one number. None if that is not the fault."""
    places = [each["loc"] for each in exc.errors() if each["type"] == "int_type" and _is_whole(each["input"])]
    if not places:
        return None
    said = json.loads(raw)
    for *path, last in places:
        inside = said
        for part in path:  # the name of a member of a union stands in it too
            inside = inside[part] if isinstance(part, int) or part in inside else inside
        inside[last] = int(inside[last])
    return json.dumps(said).encode()


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def sent(model: type[Body], *, optional: bool = False) -> Any:
    """The body of a call as a parameter: `body: Annotated[Start, sent(Start)]`."""
    return Depends(Sent(model, optional=optional))


async def body_of(request: Request) -> bytes:
    """The body as it came, read once. Raises TooLarge as soon as it is, whatever was said of its length."""
    if not hasattr(request.state, "body"):
        request.state.body = await _read(request)
    return cast("bytes", request.state.body)


async def _read(request: Request) -> bytes:
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > BODY_LIMIT:
            raise TooLarge(f"the body of a call is over {BODY_LIMIT:,} bytes; keep the bulk elsewhere, and name it")
    return bytes(found)


# ── routers ──────────────────────────────────────────────────────────────────────────────────────────────────


class Calls(APIRouter):
    """The calls of one resource."""

    def __init__(self, tag: str, prefix: str = "") -> None:
        super().__init__(prefix=prefix, tags=[tag], route_class=Call, default_response_class=Response)

    def call(
        self,
        method: str,
        path: str,
        name: str,
        form: Form[Any] | None,
        *,
        status: int = 200,
        problems: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
        media: str = "application/json",
    ) -> Callable[[H], H]:
        """Add a call: `name` is its id, `form` that of its answer (None where that is `media`).

        `problems` are statuses that it can have besides those that all have.
        """

        def added(handler: H) -> H:
            hints = get_type_hints(handler, include_extras=True)
            body, needed = _body(hints), _needed(hints)
            statuses = (*ALWAYS, *(OF_A_BODY if body else ()), *problems)
            summary, _, rest = (getdoc(handler) or "").partition("\n")
            self.add_api_route(
                path,
                handler,
                methods=[method],
                operation_id=name,
                summary=summary.rstrip("."),
                description=f"{rest.strip()}\n\nNeeds {needed}.".strip(),
                status_code=status,
                response_model=None,
                responses=responses(form, status, statuses, headers or {}, media),
                openapi_extra={"security": [dict(each) for each in SECURITY], **_asked(body)},
            )
            return handler

        return added


def _body(hints: Mapping[str, Any]) -> Sent | None:
    for hint in hints.values():
        for each in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
            if isinstance(each, Dependency) and isinstance(each.dependency, Sent):
                return each.dependency
    return None


def _needed(hints: Mapping[str, Any]) -> str:
    told = [each for hint in hints.values() for each in get_args(hint)[1:]]
    rights = [each for each in told if isinstance(each, Right)]
    anybody = [each for each in told if isinstance(each, Dependency) and each.dependency is current_visitor]
    if len(rights) + len(anybody) != 1:
        raise TypeError("a call needs exactly one visitor of auth/dependencies.py")
    return f"the right `{rights[0]}`" if rights else "no right but to have come in"


def _asked(body: Sent | None) -> dict[str, Any]:
    if body is None:
        return {}
    schema = {"$ref": f"#/components/schemas/{body.model.__name__}"}
    return {"requestBody": {"required": not body.optional, "content": {"application/json": {"schema": schema}}}}
