"""OpenID Connect: a provider says who somebody is, by the authorization code flow with PKCE, state and nonce.

    /login/oidc ─► the provider ─► /login/oidc/back ─► a session

State, nonce and verifier are derived from one secret that only the browser holds, in a cookie for ten minutes: nothing
is kept here before somebody has signed in, and no other browser can go on with what this one has begun.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from authlib.integrations.starlette_client import StarletteOAuth2App

from ...config import OpenId
from .claims import OIDC, Claim
from .secret import derived, is_same, new_secret
from .tenants import one_tenant

LASTS: Final = timedelta(minutes=10)
_SECONDS: Final = 10.0
_DISCOVERY: Final = "/.well-known/openid-configuration"
_SIGNATURES: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those that only the provider can make: none at all, and none with a key that we have too."""
_LEEWAY: Final = 60
_REFUSED: Final = "the provider has signed nobody in: begin once more, or ask whoever looks after your account there"


class SignInFailed(Exception):
    """The provider did not say who somebody is, in a way that can be believed. Says what to do, in our own words.

    `found` is what somebody else has said, or what our side of it looks like: that is for the log alone.
    """

    def __init__(self, said: str, found: str = "") -> None:
        super().__init__(said)
        self.found = found


class Provider:
    """One provider, its metadata and keys read when they are first needed, and its keys again when they change."""

    def __init__(self, oidc: OpenId) -> None:
        self._oidc = oidc
        self._app = StarletteOAuth2App(
            None,
            "hitl",
            client_id=oidc.client_id,
            client_secret=_secret(oidc.secret),
            server_metadata_url=oidc.issuer + _DISCOVERY,
            client_kwargs={
                "scope": " ".join(oidc.scopes),
                "code_challenge_method": "S256",
                "timeout": _SECONDS,
                **({} if oidc.secret else {"token_endpoint_auth_method": "none"}),
            },
        )

    async def begin(self, back: str) -> tuple[str, str]:
        """Where to send the browser, and the secret that it keeps meanwhile. Raises SignInFailed."""
        held = new_secret()
        await self._metadata()
        asked = {"state": derived(held, "state"), "nonce": derived(held, "nonce"), "code_verifier": _verifier(held)}
        made: dict[str, Any] = await self._app.create_authorization_url(back, **asked)
        return str(made["url"]), held

    async def end(self, held: str, back: str, said: dict[str, str]) -> Claim:
        """Who the provider says has come, from what it has sent the browser back with. Raises SignInFailed."""
        if not held or not is_same(said.get("state", ""), derived(held, "state")):
            raise SignInFailed("this browser has not begun to sign in, or more than ten minutes ago: begin once more")
        if "error" in said:
            raise SignInFailed(_REFUSED, f"{said['error']} {said.get('error_description', '')}")
        metadata = await self._metadata()
        if said.get("iss", metadata["issuer"]) != metadata["issuer"]:
            raise SignInFailed("another provider has answered (RFC 9207): begin once more")
        return self._claim(await self._claims(held, back, said.get("code", "")))

    async def _metadata(self) -> dict[str, Any]:
        try:
            metadata: dict[str, Any] = await self._app.load_server_metadata()
            issuer = str(metadata.get("issuer", ""))
        except Exception as exc:  # whatever Authlib, and the client that it finds to ask with, raise
            said = "the provider cannot be reached now; try again in a while, or tell whoever looks after this inbox"
            raise SignInFailed(said, f"{self._oidc.issuer!r}: {exc}") from exc
        if issuer.rstrip("/") != self._oidc.issuer:
            said = "the provider calls itself by another name than server.oidc.issuer says; nobody signs in by it"
            raise SignInFailed(said, f"{issuer!r}, and server.oidc.issuer is {self._oidc.issuer!r}")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [each for each in offered if each in _SIGNATURES] or [
            "RS256"
        ]
        return metadata

    async def _claims(self, held: str, back: str, code: str) -> dict[str, Any]:
        """What the provider says under its signature, to us, of this sign-in, and not too long ago."""
        wanted = {
            "iss": {"essential": True, "value": self._app.server_metadata["issuer"]},
            "aud": {"essential": True, "value": self._oidc.client_id},
            "sub": {"essential": True},
        }
        try:
            token = await self._app.fetch_access_token(back, code=code, code_verifier=_verifier(held))
            found = await self._app.parse_id_token(token, derived(held, "nonce"), wanted, leeway=_LEEWAY)
        except Exception as exc:  # as above: what is not understood signs nobody in
            said = "what the provider says cannot be believed: begin once more, or tell whoever looks after this inbox"
            raise SignInFailed(said, f"{type(exc).__name__} {exc}") from exc
        if found is None:
            raise SignInFailed("the provider says nobody's name: it has sent no ID token")
        return dict(found)

    def _claim(self, claims: dict[str, Any]) -> Claim:
        person = claims.get(self._oidc.person)
        if not isinstance(person, str) or not person:
            raise SignInFailed(f"the provider does not say {self._oidc.person!r}, which server.oidc.person names")
        if self._oidc.person == "email" and claims.get("email_verified") is not True:
            raise SignInFailed("the provider has not verified that the address belongs to whoever has come")
        tenant = one_tenant(claims.get(self._oidc.tenant)) if self._oidc.tenant else None
        if self._oidc.tenant and tenant is None:
            raise SignInFailed(f"the provider does not say one tenant in {self._oidc.tenant!r} (server.oidc.tenant)")
        return Claim(person, OIDC, _texts(claims.get(self._oidc.roles)) if self._oidc.roles else (), tenant)


@lru_cache(maxsize=8)
def provider(oidc: OpenId) -> Provider:
    """The provider that is configured so; made once, as its metadata and keys are kept."""
    return Provider(oidc)


def _verifier(held: str) -> str:
    """64 characters, as RFC 7636 wants them."""
    return derived(held, "code_verifier")


def _secret(file: Path | None) -> str | None:
    """Raises SignInFailed."""
    try:
        return None if file is None else file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SignInFailed("the secret of the client cannot be read here (server.oidc.secret)", str(exc)) from exc


def _texts(value: object) -> tuple[str, ...]:
    """A claim of one or several texts."""
    found = value if isinstance(value, list) else [value]
    return tuple(each for each in found if isinstance(each, str) and each)
