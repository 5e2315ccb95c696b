"""What the queue shows: a page of requests as its reader wants them, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ...commands import CountQueue, ListQueue, Order, QueueCounts, Settled
from ...protocol import Kind, Level, PauseRequest, sha256
from ...runtime import inbox_of
from ..auth import Visitor
from ..site import Site
from .wording import agreed, who_asks

PAGE: Final = 17
"""Rows of a page: with more, it would weigh more than a page is to."""
_ENOUGH: Final = 10
LOOKED_THROUGH: Final = 500
"""Requests that are looked through at once for a kind, a rule or a text: no index has these."""

GROUPS: Final = {"": "none", "tool": "tool", "rule": "rule", "agent": "agent", "run": "run"}
SHELVES: Final = ("open", "later", "notices")
_SOON: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the reader of a queue wants to see, as it stands in the address of the page."""

    sort: Order = Order.DEADLINE
    group: str = ""
    level: Level | None = None
    kind: Kind | None = None
    tool: str = ""
    agent: str = ""
    rule: str = ""
    q: str = ""
    show: str = "open"
    cursor: str | None = None

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Wanted:
        """From an address; what means nothing in it is left out."""
        return cls(
            sort=_one_of(Order, asked.get("sort")) or Order.DEADLINE,
            group=asked.get("group", "") if asked.get("group") in GROUPS else "",
            level=_one_of(Level, asked.get("level")),
            kind=_one_of(Kind, asked.get("kind")),
            **{name: asked.get(name, "").strip()[:200] for name in ("tool", "agent", "rule", "q")},
            show=asked.get("show", "") if asked.get("show") in SHELVES else "open",
            cursor=asked.get("cursor") or None,
        )

    @property
    def query(self) -> dict[str, str | None]:
        """As it stands in an address, without the place to go on from."""
        sort = None if self.sort is Order.DEADLINE else self.sort.value
        show = None if self.show == "open" else self.show
        words = {name: getattr(self, name) or None for name in ("group", "level", "kind", "tool", "agent", "rule", "q")}
        return {"show": show, "sort": sort, **words}

    @property
    def narrows(self) -> bool:
        return bool(self.level or self.kind or self.tool or self.agent or self.rule or self.q)

    def matches(self, request: PauseRequest) -> bool:
        """Whether a request is one of them, as far as the store has not seen to that."""
        if self.kind is not None and request.kind is not self.kind:
            return False
        if self.rule and request.because.rule != self.rule:
            return False
        return not self.q or self.q.casefold() in "\n".join(_texts(request)).casefold()


def _one_of(kind: type, value: str | None):  # type: ignore[no-untyped-def]  # an enumeration, and one of it
    return next((each for each in kind if each.value == value), None)  # type: ignore[attr-defined]  # as above


def _texts(request: PauseRequest) -> Iterator[str]:
    preview, because = request.preview, request.because
    yield from (request.id, request.run_id, request.title, request.action.tool, because.rule, because.why)
    yield from (preview.effect, preview.target, preview.affects, preview.cost, request.context.message)
    yield from (str(each) for each in request.action.arguments.values())
    yield from request.action.origin.agents


@dataclass(frozen=True, slots=True)
class Row:
    """One request in the queue."""

    settled: Settled
    agreed: str
    urgent: bool

    @property
    def request(self) -> PauseRequest:
        return self.settled.request


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of it. `groups` have a name each ("" for no groups); `looked` is how many were looked through."""

    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    counts: QueueCounts
    cursor: str | None
    looked: int

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for _, rows in self.groups for row in rows)

    @property
    def tag(self) -> str:
        """Letters that change with what is shown."""
        shown = [(row.request.id, len(row.settled.votes)) for row in self.rows]
        return sha256(f"{shown} {sorted(self.counts.levels.items())} {self.counts.put_off}".encode())[-16:]

    def others(self, what: str, chosen: str) -> list[str]:
        """What a filter offers: what there is on this page, and what is chosen."""
        found = {value for row in self.rows for value in _values(row.request, what)}
        return sorted(found | ({chosen} if chosen else set()))


def _values(request: PauseRequest, what: str) -> tuple[str, ...]:
    if what == "agent":
        return request.action.origin.agents
    return (request.action.tool if what == "tool" else request.because.rule,)


async def queue(site: Site, visitor: Visitor, wanted: Wanted) -> Queue:
    """What somebody may decide, of the tenant that they see.

    Raises NotPermitted for whom no directory knows, RecordError for a cursor that no page has had.
    """
    await site.hitl.tick()
    own = await inbox_of(site.hitl, visitor.responder)
    tenant = visitor.tenant if own.tenant is None else own.tenant
    counts = await site.store.fetch(CountQueue(own.roles, own.users, tenant))
    asked = ListQueue(
        order=wanted.sort,
        levels=(wanted.level,) if wanted.level else (),
        tools=(wanted.tool,) if wanted.tool else (),
        agents=(wanted.agent,) if wanted.agent else (),
        roles=own.roles,
        users=own.users,
        tenant=tenant,
        put_off=wanted.show == "later",
        notices=wanted.show == "notices",
        limit=PAGE,
        cursor=wanted.cursor,
    )
    found, cursor, looked = await _found(site, asked, wanted)
    now = site.clock.now()
    rows = [Row(each, agreed(each, now), _is_urgent(each.request, site)) for each in found]
    return Queue(tuple(_grouped(rows, wanted.group)), counts, cursor, looked)


async def _found(site: Site, asked: ListQueue, wanted: Wanted) -> tuple[list[Settled], str | None, int]:
    """What matches among the next requests, where to go on, and how many were looked through."""
    found: list[Settled] = []
    looked = 0
    while True:
        page = await site.store.fetch(asked)
        looked += len(page.items)
        found += [each for each in page.items if wanted.matches(each.request)]
        if page.cursor is None or len(found) >= _ENOUGH or looked >= LOOKED_THROUGH:
            return found, page.cursor, looked
        asked = replace(asked, cursor=page.cursor)


def _is_urgent(request: PauseRequest, site: Site) -> bool:
    return request.deadline is not None and request.deadline - site.clock.now() < _SOON


def _grouped(rows: Iterable[Row], by: str) -> Iterator[tuple[str, tuple[Row, ...]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_group_of(row.request, by), []).append(row)
    yield from ((name, tuple(its)) for name, its in groups.items())


def _group_of(request: PauseRequest, by: str) -> str:
    match by:
        case "tool":
            return request.action.tool
        case "rule":
            return request.because.rule
        case "agent":
            return who_asks(request.action.origin) or "no agent that is named"
        case "run":
            return request.run_id
        case _:
            return ""
