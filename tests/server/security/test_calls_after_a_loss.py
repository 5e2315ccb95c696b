"""Who could call once and cannot any more, at the real doors: each call of the API looks again who somebody is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import httpx

from hitl_core.protocol import AuditEvent, Responder
from hitl_core.server.auth import Right, login_links, tokens
from hitl_core.server.auth.sessions import csrf_of
from tests.core.shop import trail
from tests.server.auth.house import by_link
from tests.server.security.calls import ACTS, LOOKS, Call, content, furnished, made
from tests.server.security.fortress import SERVING, Fortress
from tests.server.security.table import Needs
from tests.server.site import EVERYTHING, HOST

LEADS = ("ann", "bob", "roy", "gus", "max", "out", "old")
LOSSES = {"roy": 'roles = ["clerk"]\ntenant = "default"', "gus": "", "max": 'roles = ["lead"]\ntenant = "north"'}
"""What stands in the file of people afterwards: one has another role, one is not there, one is of another tenant."""
ALL_NEED_A_ROLE = replace(SERVING, rights={right.value: ("lead",) for right in Right})
EVENTS = Call("GET", "/api/events", changes=False)
CALLS = (*LOOKS, *ACTS)
OF_THE_DOORS = ("hitl_slips", "hitl_audit", "hitl_apart", "hitl_store")
"""Where the doors write that somebody was refused: the trail with its names and its end, and what is kept of tokens."""


def people(**others: str) -> str:
    """A directory in which everybody leads, but who is said to be something else; "" for somebody who is gone."""
    known = dict.fromkeys((*LEADS, "customer-7", "dan"), 'roles = ["lead"]\ntenant = "default"') | others
    return "\n".join(f"[people.{name}]\n{said}\n" for name, said in known.items() if said)


@dataclass
class Doors:
    """The real ones of a fortress: `headers` is what each who has come in sends with a call, `clients` who they are."""

    at: Fortress
    open_: AsyncExitStack
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def sign_in(self, person: str) -> None:
        """By a link, as a browser: with its cookie, and its token against forgeries."""
        client = await self._client(f"{person}'s session")
        answered = await by_link(client, f"/login/{await login_links.new_link(self.at.app.state.site, person)}")
        assert answered.status_code == 303, answered.text
        client.headers["x-csrf-token"] = csrf_of(client.cookies["hitl_session"])

    async def give_token(
        self, person: str, rights: frozenset[Right] = EVERYTHING, *, name: str = "token", lasts: timedelta
    ) -> str:
        """The id of a token, which comes with every call of a client."""
        boss = Responder(id="ann", channel="terminal")
        secret, token = await tokens.make(self.at.app.state.site, person=person, rights=rights, by=boss, lasts=lasts)
        client = await self._client(f"{person}'s {name}")
        client.headers["authorization"] = f"Bearer {secret}"
        return token.id

    async def _client(self, who: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.at.app, client=("192.0.2.1", 5000), raise_app_exceptions=False)
        made = httpx.AsyncClient(transport=transport, base_url=HOST)
        self.clients[who] = await self.open_.enter_async_context(made)
        return made

    async def tried(self, who: str, *calls: Call) -> list[tuple[str, Call, int, str]]:
        """Each call by somebody, with the status that it had and what was said."""
        found = []
        for call in calls:
            answered = await made(self.at, call, through=self.clients[who])
            found.append((who, call, answered.status_code, answered.text))
        return found

    async def let_in(self, who: str) -> None:
        """So that what is lost was there before."""
        tried = await self.tried(who, *LOOKS)
        wrong = [(str(call), status) for _, call, status, _ in tried if status != (403 if call.of_all else call.ours)]
        assert wrong == [], who


@asynccontextmanager
async def doors(folder: Path) -> AsyncIterator[Doors]:
    async with furnished(folder, people=people(), serving=ALL_NEED_A_ROLE) as at, AsyncExitStack() as stack:
        yield Doors(at, stack)


async def test_what_is_lost_counts_for_each_call_from_then_on(tmp_path: Path) -> None:
    async with doors(tmp_path) as to:
        shop, day = to.at.shop, timedelta(days=1)
        await to.sign_in("old")
        await to.give_token("old", lasts=timedelta(hours=1))
        for name in ("old's session", "old's token"):
            await to.let_in(name)
        shop.clock.advance(3 * 3600)
        ended = ""
        for person in ("roy", "gus", "max", "out"):
            await to.sign_in(person)
            ended = await to.give_token(person, lasts=day)
        for name in set(to.clients) - {"old's session", "old's token"}:
            await to.let_in(name)
        cookies = dict(to.clients["out's session"].cookies)
        await to.clients["out's session"].post("/logout")
        to.clients["out's session"].cookies.update(cookies)
        assert await tokens.revoke(to.at.app.state.site, ended, by=Responder(id="ann", channel="terminal"))
        shop.people(people(**LOSSES))
        before, lines = content(tmp_path, without=OF_THE_DOORS), await trail(to.at.hitl)
        wrong = []
        for name in to.clients:
            for _, call, status, said in await to.tried(name, *_due(name)):
                if status != _status(name, call):
                    wrong.append((name, str(call), status, said[:200]))
        assert wrong == []
        assert content(tmp_path, without=OF_THE_DOORS) == before
        written = {entry.event for entry in (await trail(to.at.hitl))[len(lines) :]}
        assert written <= {AuditEvent.SESSION_REFUSED}


def _due(name: str) -> tuple[Call, ...]:
    """What is tried: of another tenant all that is not just another answer there; of nobody, to listen as well."""
    if name.startswith("max"):
        return tuple(call for call in ACTS if call.others != 200)
    return CALLS if name.startswith("roy") else (*CALLS, EVENTS)


def _status(name: str, call: Call) -> int:
    if name.startswith("max"):
        return call.others
    return 403 if name.startswith("roy") else 401


async def test_a_token_without_the_right_is_none_for_that_call(tmp_path: Path) -> None:
    """It has all the others, and its person has that one, too."""
    async with doors(tmp_path) as to:
        for right in Right:
            await to.give_token("ann", EVERYTHING - {right}, name=right.value, lasts=timedelta(days=1))
            await to.tried(f"ann's {right.value}", LOOKS[0])  # from then on it has been seen
        before = content(tmp_path)
        tried = [each for call in CALLS for each in await to.tried(f"ann's {_name(call.needs)}", call)]
        wrong = [
            (who, str(call), status)
            for who, call, status, said in tried
            if status != 403 or repr(_name(call.needs)) not in said
        ]
        assert wrong == []
        assert content(tmp_path) == before


def _name(needs: Needs) -> str:
    assert isinstance(needs, Right)
    return needs.value
