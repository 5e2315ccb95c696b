"""What is pressed in Slack: buttons, and the modals behind them. Every call is signed, at most 5 minutes ago."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from slack_sdk.errors import SlackClientError
from slack_sdk.signature import SignatureVerifier
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.responses import Response as Answer

from ...channels.messages import Route
from ...channels.messages.senders.slack import client_of
from ...channels.messages.slack_blocks import ACTION, ARGUMENTS, BUTTONS, REASON, decided, fits_modal, modal
from ...channels.plain_text import visible
from ...commands import GetRequest, Settled, hashed
from ...errors import FaultyError, HitlError, NotCanonical
from ...people import ListsPeople, Person
from ...protocol import Decision, Json, Reply, Responder, parse
from ...protocol.response import decision_of
from ...runtime import why_not_asked
from ..answering import answer_from
from ..site import Site

log = logging.getLogger("hitl_core")

BY: Final = "slack"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands in Slack."""

    channel: str
    ts: str


async def answered(site: Site, route: Route, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What Slack is answered with, which it wants within 3 seconds."""
    if not _is_signed(route, body, headers):
        return PlainTextResponse("not signed by Slack\n", 401)
    payload = _payload(body)
    if payload is None:
        return PlainTextResponse("not understood\n", 400)
    desk = SlackDesk(site, route)
    try:
        match payload.get("type"):
            case "block_actions":
                return await desk.pressed(payload)
            case "view_submission":
                return await desk.submitted(payload)
            case _:
                pass
    except (LookupError, TypeError, ValueError) as exc:
        log.warning("what Slack sent to %s is not understood: %s", route.name, exc)
        return PlainTextResponse("not understood\n", 400)
    return PlainTextResponse("")


def _is_signed(route: Route, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        return SignatureVerifier(route.secret).is_valid_request(body, dict(headers))
    except ValueError:  # a timestamp that is no number, a body that is no text
        return False


def _payload(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(parse_qs(body.decode(), strict_parsing=True)["payload"][0])
    except (ValueError, KeyError):
        return None
    return found if isinstance(found, dict) else None


class SlackDesk:
    """Answers requests for people who sit in Slack."""

    def __init__(self, site: Site, route: Route) -> None:
        self._site = site
        self._route = route
        self._client = client_of(route)

    # ── what is pressed ──────────────────────────────────────────────────────────────────────────────────────

    async def pressed(self, payload: dict[str, Any]) -> Answer:
        """A button: an approval is given at once, a rejection and an edit ask first."""
        action, user = payload["actions"][0], payload["user"]["id"]
        name = str(action["action_id"]).removeprefix(ACTION)
        if name not in BUTTONS:  # the link, which opens by itself
            return PlainTextResponse("")
        place = Place(payload["container"]["channel_id"], payload["container"]["message_ts"])
        shown = json.loads(action["value"])
        if name == Reply.APPROVE:
            said = {"type": name}
            problem = await self._respond(shown, decision_of(said), user, place, key=payload["trigger_id"])
            return await self._whisper(place, user, problem)
        settled = await self._open(shown)
        if settled is None:
            return await self._whisper(place, user, "It is not open any more; the inbox says what became of it.")
        if problem := await self._why_not(settled, user):
            return await self._whisper(place, user, problem)
        if name == Reply.EDIT and not fits_modal(settled.request):
            return await self._whisper(place, user, "Its arguments are too long for Slack; edit them in the inbox.")
        view = modal(settled.request, Reply(name), back=json.dumps([place.channel, place.ts]))
        await self._call("views.open", {"trigger_id": payload["trigger_id"], "view": view})
        return PlainTextResponse("")

    async def submitted(self, payload: dict[str, Any]) -> Answer:
        """A modal that was sent off. What is wrong with it is shown in it."""
        view = payload["view"]
        kept = json.loads(view["private_metadata"])
        place, reply, values = Place(*json.loads(kept["back"])), kept["reply"], view["state"]["values"]
        block = REASON if reply == Reply.REJECT else ARGUMENTS
        text = values[block][block].get("value") or ""
        try:
            said: dict[str, Json] = {"type": reply}
            said |= {"message": text} if reply == Reply.REJECT else {"arguments": parse(text, what="arguments")}
            decision = decision_of(said)
        except (NotCanonical, ValueError) as exc:
            return _wrong(block, str(exc))
        problem = await self._respond(kept, decision, payload["user"]["id"], place, key=view["id"])
        return _wrong(block, problem) if problem else JSONResponse({"response_action": "clear"})

    # ── what comes of it ─────────────────────────────────────────────────────────────────────────────────────

    async def _respond(self, shown: dict[str, Any], decision: Decision, user: str, place: Place, *, key: str) -> str:
        """Give the answer; returns why it was not taken, "" if it was."""
        person = await self._person(user)
        if person is None:
            return self._unknown(user)
        response = answer_from(
            self._site,
            self._by(person),
            decision,
            request_id=shown["request"],
            digest=shown["digest"],
            key=f"{self._route.name}:{hashed(key)}",
        )
        try:
            recorded = await self._site.hitl.respond(response)
        except FaultyError as exc:
            return "\n".join(str(fault) for fault in exc.faults)
        except HitlError as exc:
            return str(exc)
        await self._show(place, recorded.settled, f"{person.name or person.id}: {decision.type.replace('_', ' ')}")
        return ""

    async def _why_not(self, settled: Settled, user: str) -> str:
        """Why somebody is not shown more than the message says; "" if they are: others can press its buttons, too."""
        person = await self._person(user)
        if person is None:
            return self._unknown(user)
        return "\n".join(map(str, await why_not_asked(self._site.hitl, settled, self._by(person))))

    def _unknown(self, user: str) -> str:
        return f"You are not known here: somebody has to add {user!r} to your addresses as {self._route.name!r}."

    def _by(self, person: Person) -> Responder:
        return Responder(id=person.id, channel=self._route.name, authenticated_by=BY)

    async def _person(self, user: str) -> Person | None:
        """Who has this id of Slack as their address; None if nobody, or more than one."""
        directory: object = self._site.hitl.directory
        if not isinstance(directory, ListsPeople):
            return None
        try:
            found = [each for each in await directory.everybody() if each.addresses.get(self._route.name) == user]
        except Exception as exc:  # a directory is somebody's code or service
            log.error("the directory of people cannot say who %r is in Slack: %s", user, exc)
            return None
        return found[0] if len(found) == 1 else None

    async def _open(self, shown: dict[str, Any]) -> Settled | None:
        """The request as it was shown, while it can be answered."""
        try:
            settled = await self._site.store.fetch(GetRequest(shown["request"]))
        except HitlError:
            return None
        return settled if settled.state == "open" and settled.request.digest == shown["digest"] else None

    async def _show(self, place: Place, settled: Settled, said: str) -> None:
        """Put what was decided in the place of the buttons."""
        text = f"{visible(settled.request.title)}\n{visible(said)}"
        await self._call(
            "chat.update", {"channel": place.channel, "ts": place.ts, "text": text, "blocks": decided(text)}
        )

    async def _whisper(self, place: Place, user: str, problem: str) -> Answer:
        """Tell one person alone what is wrong, if something is."""
        if problem:
            await self._call("chat.postEphemeral", {"channel": place.channel, "user": user, "text": visible(problem)})
        return PlainTextResponse("")

    async def _call(self, method: str, json: dict[str, Any]) -> None:
        """Call the Web API. What was decided stands, whether or not Slack shows it."""
        try:
            await asyncio.to_thread(self._client.api_call, method, json=json)
        except (SlackClientError, OSError) as exc:
            log.warning("Slack did not take %s: %s", method, exc)


def _wrong(block: str, problem: str) -> Answer:
    return JSONResponse({"response_action": "errors", "errors": {block: problem[:1_000]}})
