"""Who is there: people, to whom one may give a request on, and the tokens by which programs come in their name."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import HTTPException, Response

from ...wire import Count, Known, MadeToken, Me, TokenForm, bodies, forms
from ..auth import AnyVisitor, RequestsVisitor, Right, Token, TokensVisitor
from ..auth.tokens import make_own, revoke, tokens
from ..seeing import people_of
from ..site import CurrentSite
from .calls import Calls, answer, sent
from .parameters import TokenId

router = Calls("people", "/api")


@router.call("GET", "/me", "whoAmI", forms.ME)
async def who_am_i(come: AnyVisitor) -> Response:
    """Who you are here, and what you may do: for a program that wants to know whom its token is of."""
    who = come.responder
    rights = tuple(right.value for right in Right if right in come.rights)
    me = Me(
        id=who.id,
        name=come.name,
        roles=who.roles,
        tenant=come.tenant,
        rights=rights,
        authenticated_by=who.authenticated_by,
    )
    return answer(forms.ME, me)


@router.call("GET", "/people", "listPeople", forms.PEOPLE)
async def list_people(visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """The people of your tenant, by name; none where there is no directory, or one that does not list them."""
    now = site.clock.now()
    known = tuple(Known.of(each, away=each.is_away(now)) for each in await people_of(site, visitor))
    return answer(forms.PEOPLE, known)


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────


@router.call("GET", "/tokens", "listTokens", forms.TOKENS)
async def list_tokens(visitor: TokensVisitor, site: CurrentSite) -> Response:
    """Your tokens that have not expired, newest first. What one says is told once, when it is made."""
    found = await tokens(site, person=visitor.responder.id, tenant=visitor.tenant)
    return answer(forms.TOKENS, tuple(map(_shown, found)))


@router.call("POST", "/tokens", "makeToken", forms.MADE_TOKEN, status=201)
async def make_token(
    visitor: TokensVisitor, site: CurrentSite, body: Annotated[bodies.MakingToken, sent(bodies.MakingToken)]
) -> Response:
    """Make a token for yourself: for no more than you may do and see now. It never lets more be done than you may."""
    lasts = timedelta(seconds=body.lasts_seconds)
    rights = [Right(name) for name in body.rights]
    secret, made = await make_own(site, visitor, rights=rights, name=body.name, tenant=body.tenant, lasts=lasts)
    return answer(forms.MADE_TOKEN, MadeToken(secret=secret, token=_shown(made)), status=201)


@router.call("DELETE", "/tokens/{id}", "revokeToken", forms.COUNT, problems=(404,))
async def revoke_token(visitor: TokensVisitor, site: CurrentSite, token_id: TokenId) -> Response:
    """End a token of yours, at once."""
    if not await revoke(site, token_id, by=visitor.responder, person=visitor.responder.id):
        raise HTTPException(404, f"you have no token {token_id!r}; `GET /api/tokens` lists yours")
    return answer(forms.COUNT, Count(count=1))


def _shown(token: Token) -> TokenForm:
    return TokenForm(
        id=token.id,
        name=token.name,
        person=token.person,
        tenant=token.tenant,
        rights=tuple(right.value for right in token.rights),
        made_at=token.made_at,
        expires=token.expires,
        seen=token.seen,
    )
