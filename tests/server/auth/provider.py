"""An OpenID Connect provider in a process of its own: it signs everybody in, with real keys, and lies when told to.

    python -m tests.server.auth.provider          # prints its port

`POST /behave` says how it answers from then on: with which claims, signed how, under which name.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import time
from typing import Annotated, Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

CLIENT, SECRET = "hitl", "a-secret-of-the-client"
HONEST: dict[str, Any] = {"claims": {}, "omit": [], "alg": "RS256", "offered": ["RS256", "ES256"]}

app = FastAPI()
keys: dict[str, Any] = {}
behaviour: dict[str, Any] = {}
codes: dict[str, dict[str, str]] = {}
asked: list[str] = []


def new_keys() -> None:
    keys["RS256"] = RSAKey.generate_key(2048, {"kid": f"rsa-{secrets.token_hex(4)}"}, private=True)
    keys["ES256"] = ECKey.generate_key("P-256", {"kid": f"ec-{secrets.token_hex(4)}"}, private=True)


def issuer(request: Request) -> str:
    return f"http://127.0.0.1:{request.scope['server'][1]}"


@app.post("/behave")
async def behave(request: Request) -> dict[str, Any]:
    """From now on; an empty body is honest again."""
    told = await request.json()
    behaviour.clear()
    behaviour.update(HONEST | told)
    if told.get("new_keys"):
        new_keys()
    asked.clear()
    return behaviour


@app.get("/asked")
async def what_was_asked() -> list[str]:
    return asked


@app.get("/.well-known/openid-configuration")
async def configuration(request: Request) -> dict[str, Any]:
    asked.append("configuration")
    home = issuer(request)
    if behaviour.get("down"):
        raise HTTPException(503)
    return {
        "issuer": behaviour.get("issuer", home),
        "authorization_endpoint": f"{home}/authorize",
        "token_endpoint": f"{home}/token",
        "jwks_uri": f"{home}/keys",
        "id_token_signing_alg_values_supported": behaviour["offered"],
        "code_challenge_methods_supported": ["S256"],
    }


@app.get("/keys")
async def public_keys() -> Any:
    asked.append("keys")
    return KeySet([keys["RS256"], keys["ES256"]]).as_dict(private=False)


@app.get("/authorize")
async def authorize(request: Request) -> RedirectResponse:
    """As after somebody has typed in their password."""
    said = dict(request.query_params)
    back = {"state": said["state"], **({"iss": behaviour["iss"]} if "iss" in behaviour else {})}
    if "error" in behaviour:
        return RedirectResponse(f"{said['redirect_uri']}?{urlencode(back | {'error': behaviour['error']})}", 302)
    if said["client_id"] != CLIENT or said["code_challenge_method"] != "S256" or "openid" not in said["scope"]:
        raise HTTPException(400, "not a request for this")
    code = secrets.token_urlsafe(16)
    codes[code] = said
    return RedirectResponse(f"{said['redirect_uri']}?{urlencode(back | {'code': code})}", 302)


@app.post("/token")
async def token(
    request: Request,
    code: Annotated[str, Form()],
    redirect_uri: Annotated[str, Form()],
    code_verifier: Annotated[str, Form()],
) -> dict[str, Any]:
    """For a code, once, to who has begun with it and is the client."""
    asked.append("token")
    said = codes.pop(code, None)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).decode().rstrip("=")
    given = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {given}":
        raise HTTPException(401, "not the client")
    if said is None or said["redirect_uri"] != redirect_uri or said["code_challenge"] != challenge:
        raise HTTPException(400, "not its code")
    answer: dict[str, Any] = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 60}
    return answer if behaviour.get("no_id_token") else answer | {"id_token": id_token(request, said)}


def id_token(request: Request, said: dict[str, str]) -> str:
    now = int(time.time())
    claims = {"iss": issuer(request), "aud": CLIENT, "sub": "u-1", "email": "ann@example.com", "email_verified": True}
    claims |= {"iat": now, "exp": now + 300, "nonce": said["nonce"], "groups": ["lead", "clerk"], "org": "shop"}
    claims |= behaviour["claims"]
    claims = {key: value for key, value in claims.items() if key not in behaviour["omit"]}
    return signed(claims, behaviour["alg"])


def signed(claims: dict[str, Any], alg: str) -> str:
    """A token; `alg` may be one that anybody can make."""
    key = {"HS256": OctKey.import_key(SECRET * 2)}.get(alg, keys.get(alg, keys["RS256"]))
    kid = key.kid if alg in keys else keys["RS256"].kid
    body = json.dumps(claims).encode()
    if behaviour.get("stolen"):  # the right name of a key, and not the key
        key = RSAKey.generate_key(2048, {"kid": kid}, private=True)
    if alg == "none":
        head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": kid}).encode()).decode().rstrip("=")
        return f"{head}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}."
    return jws.serialize_compact({"alg": alg, "kid": kid}, body, key, algorithms=[alg])


def main() -> None:
    new_keys()
    behaviour.update(HONEST)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()
