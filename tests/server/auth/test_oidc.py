"""Signing in with a provider, which is a process of its own with keys of its own; and with one that lies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from hitl_core.config import OpenId, Serving
from hitl_core.server.auth import oidc
from tests.cli.shop import PATIENCE
from tests.core.shop import Shop
from tests.server.auth.house import HOST, PEOPLE, House, house, who
from tests.server.auth.provider import CLIENT, SECRET

pytestmark = pytest.mark.processes


@dataclass(frozen=True)
class Provider:
    url: str
    client: httpx.Client

    def behaves(self, **how: Any) -> None:
        self.client.post(f"{self.url}/behave", json=how).raise_for_status()

    def asked(self) -> list[str]:
        return list(self.client.get(f"{self.url}/asked").json())


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    command = [sys.executable, "-m", "tests.server.auth.provider"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with httpx.Client(verify=False, timeout=PATIENCE) as client:  # noqa: S501  # to this machine, without TLS
        yield Provider(f"http://127.0.0.1:{process.stdout.readline().strip()}", client)
    process.kill()
    process.communicate()


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.behaves()
    oidc.provider.cache_clear()
    return running


@pytest.fixture
def serving(provider: Provider, tmp_path: Path) -> Serving:
    (tmp_path / "client.secret").write_text(f"{SECRET}\n")
    return Serving(url=HOST, oidc=OpenId(provider.url, CLIENT, tmp_path / "client.secret"))


async def there_and_back(browser: httpx.AsyncClient, *, onward: str = "") -> httpx.Response:
    """To the provider, where the person signs in, and back."""
    return await browser.get(await from_there(browser, onward=onward))


async def from_there(browser: httpx.AsyncClient, *, onward: str = "") -> str:
    """Where the provider sends the browser back to."""
    answer = await browser.get("/login/oidc", params={"next": onward})
    assert answer.status_code == 303, answer.text
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE) as outside:  # noqa: S501  # to this machine, without TLS
        return str((await outside.get(answer.headers["location"])).headers["location"])


async def test_somebody_signs_in(shop: Shop, serving: Serving) -> None:
    async with house(shop, serving) as at:
        browser = at.browser()
        assert "Sign in with http://127.0.0.1" in (await browser.get("/login")).text
        answer = await there_and_back(browser, onward="/requests/7?a=b")
        assert (answer.status_code, answer.headers["location"]) == (303, "/requests/7?a=b")
        told = (await browser.get("/who")).json()
        assert (told["id"], told["how"], told["channel"], told["roles"]) == ("u-1", "oidc", "web", [])
        assert [each.name for each in browser.cookies.jar] == ["__Host-hitl_session"]
        (line,) = await at.lines("session.opened")
        assert (line.actor, '"authenticated_by":"oidc"' in line.body) == ("u-1", True)


async def test_what_it_is_asked(shop: Shop, serving: Serving) -> None:
    """PKCE by S256, state and nonce: none of them says anything of the secret that the browser keeps."""
    async with house(shop, serving) as at:
        browser = at.browser()
        answer = await browser.get("/login/oidc")
        asked = {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        held = browser.cookies["__Host-hitl_signing_in"]
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert asked["redirect_uri"] == f"{HOST}/login/oidc/back"
        assert len({asked["state"], asked["nonce"], asked["code_challenge"], held}) == 4
        assert SECRET not in answer.headers["location"]
        again = await at.browser().get("/login/oidc")
        assert parse_qs(urlsplit(again.headers["location"]).query)["state"] != [asked["state"]]


async def test_its_metadata_is_read_once_and_its_keys_again_when_they_change(
    shop: Shop, serving: Serving, provider: Provider
) -> None:
    async with house(shop, serving) as at:
        for _ in range(2):
            assert (await there_and_back(at.browser())).status_code == 303
        assert sorted(provider.asked()) == ["configuration", "keys", "token", "token"]
        provider.behaves(new_keys=True)
        assert (await there_and_back(at.browser())).status_code == 303
        assert provider.asked() == ["token", "keys"]
        provider.behaves(alg="ES256")
        assert (await there_and_back(at.browser())).status_code == 303


# ── another browser, another time ────────────────────────────────────────────────────────────────────────────


async def test_no_other_browser_goes_on_with_it(shop: Shop, serving: Serving, provider: Provider) -> None:
    """Whoever makes somebody open their own way back would sign them in as themselves."""
    async with house(shop, serving) as at:
        way_back, victim = await from_there(at.browser()), at.browser()
        await victim.get("/login/oidc")
        for browser in (at.browser(), victim):
            answer = await browser.get(way_back)
            assert (answer.status_code, await who(browser)) == (403, "")
            assert "has not begun" in answer.text
        assert "token" not in provider.asked()


async def test_a_way_back_leads_back_once(shop: Shop, serving: Serving) -> None:
    async with house(shop, serving) as at:
        browser = at.browser()
        way_back = await from_there(browser)
        kept = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
        assert (await browser.get(way_back)).status_code == 303
        for again in (browser, at.browser(cookie=kept)):
            assert (await again.get(way_back)).status_code == 403


@pytest.mark.parametrize("changed", ["state=", "state=x", "code=x", "code="])
async def test_a_way_back_that_was_changed_leads_nowhere(shop: Shop, serving: Serving, changed: str) -> None:
    async with house(shop, serving) as at:
        browser = at.browser()
        name = changed.partition("=")[0]
        way_back = await from_there(browser)
        kept = "&".join(each for each in urlsplit(way_back).query.split("&") if not each.startswith(name))
        answer = await browser.get(f"/login/oidc/back?{kept}&{changed}")
        assert (answer.status_code, await who(browser)) == (403, "")


async def test_a_session_is_a_new_one(shop: Shop, serving: Serving) -> None:
    async with house(shop, serving) as at:
        browser = await at.signed_in("bob")
        before = browser.cookies["__Host-hitl_session"]
        await there_and_back(browser)
        assert browser.cookies["__Host-hitl_session"] != before
        assert await who(browser) == "u-1"
        assert await who(at.browser(), cookie=f"__Host-hitl_session={before}") == ""


# ── a provider that lies ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "how",
    [
        {"claims": {"nonce": "another"}},
        {"omit": ["nonce"]},
        {"claims": {"iss": "https://evil.test"}},
        {"omit": ["iss"]},
        {"claims": {"aud": "another-client"}},
        {"claims": {"aud": "another-client", "azp": CLIENT}},
        {"claims": {"aud": [CLIENT, "another"], "azp": "another"}},
        {"omit": ["aud"]},
        {"claims": {"exp": 1_000_000_000}},
        {"omit": ["exp"]},
        {"omit": ["sub"]},
        {"claims": {"sub": ""}},
        {"claims": {"sub": ["u-1"]}},
        {"claims": {"sub": "x" * 300}},
        {"alg": "none"},
        {"alg": "none", "offered": ["none"]},
        {"alg": "HS256"},
        {"alg": "HS256", "offered": ["HS256", "RS256"]},
        {"stolen": True},
        {"no_id_token": True},
        {"error": "access_denied"},
        {"iss": "https://evil.test"},
    ],
    ids=repr,
)
async def test_what_cannot_be_believed_signs_nobody_in(
    shop: Shop, serving: Serving, provider: Provider, how: dict[str, Any]
) -> None:
    async with house(shop, serving) as at:
        provider.behaves(**how)
        browser = at.browser()
        answer = await there_and_back(browser)
        assert (answer.status_code, await who(browser)) == (403, "")
        assert await at.lines("session.opened") == []
        provider.behaves()
        assert (await there_and_back(browser)).status_code == 303, "the next one is in"


async def test_what_the_provider_says_of_an_error_goes_to_the_log_alone(
    shop: Shop, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever makes the address of the way back says what they like in it: it is on no page of ours, and one line."""
    async with house(shop, serving) as at:
        browser = at.browser()
        way_back = await from_there(browser)
        state = next(each for each in urlsplit(way_back).query.split("&") if each.startswith("state="))
        said = "Call%20555%20%3Cb%3Enow%3C/b%3E%0Ahitl_core%20ERROR%20forged%E2%80%AE"
        answer = await browser.get(f"/login/oidc/back?{state}&error=Call_us&error_description={said}{'x' * 9_000}")
        assert (answer.status_code, await who(browser)) == (403, "")
        assert "the provider has signed nobody in" in answer.text
        assert [each for each in ("555", "Call_us", "forged") if each in answer.text] == []
        (line,) = [each.getMessage() for each in caplog.records if "Call_us" in each.getMessage()]
        assert "555" in line
        assert line.isprintable()
        assert len(line) < 1_000


async def test_what_our_side_looks_like_is_told_to_nobody(shop: Shop, serving: Serving, tmp_path: Path) -> None:
    assert serving.oidc is not None
    gone = replace(serving.oidc, secret=tmp_path / "there-is-none.secret")
    async with house(shop, replace(serving, oidc=gone)) as at:
        answer = await at.browser().get("/login/oidc")
        assert answer.status_code == 403
        assert "server.oidc.secret" in answer.text
        assert str(tmp_path) not in answer.text


async def test_another_providers_name_is_refused_before_anybody_is_sent_there(
    shop: Shop, serving: Serving, provider: Provider
) -> None:
    async with house(shop, serving) as at:
        provider.behaves(issuer="https://evil.test")
        answer = await at.browser().get("/login/oidc")
        assert (answer.status_code, "calls itself" in answer.text) == (403, True)


async def test_a_provider_that_is_away_keeps_nobody_in_or_out_for_good(
    shop: Shop, serving: Serving, provider: Provider
) -> None:
    async with house(shop, serving) as at:
        provider.behaves(down=True)
        answer = await at.browser().get("/login/oidc")
        assert (answer.status_code, "cannot be reached" in answer.text) == (403, True)
        provider.behaves()
        assert (await there_and_back(at.browser())).status_code == 303


@pytest.mark.parametrize("secret", ["wrong", None])
async def test_a_client_that_it_does_not_know_gets_nothing(
    shop: Shop, serving: Serving, tmp_path: Path, secret: str | None
) -> None:
    (tmp_path / "other.secret").write_text(secret or "")
    assert serving.oidc is not None
    known = replace(serving.oidc, secret=tmp_path / "other.secret" if secret else None)
    async with house(shop, replace(serving, oidc=known)) as at:
        browser = at.browser()
        answer = await there_and_back(browser)
        assert (answer.status_code, await who(browser)) == (403, "")


async def test_without_one_in_the_file_there_is_no_way(shop: Shop) -> None:
    async with house(shop) as at:
        for path in ("/login/oidc", "/login/oidc/back?code=a&state=b"):
            assert (await at.browser().get(path)).status_code == 404


# ── who it says ──────────────────────────────────────────────────────────────────────────────────────────────


def saying(serving: Serving, **claims: str) -> Serving:
    assert serving.oidc is not None
    return replace(serving, oidc=replace(serving.oidc, **claims))  # type: ignore[arg-type]  # claims are texts


async def told_of(at: House) -> dict[str, Any]:
    browser = at.browser()
    assert (await there_and_back(browser)).status_code == 303
    return dict((await browser.get("/who")).json())


async def test_claims_say_person_roles_and_tenant(shop: Shop, serving: Serving) -> None:
    said = replace(saying(serving, person="email", roles="groups", tenant="org"), rights={"runs": ("lead",)})
    async with house(shop, said) as at:
        told = await told_of(at)
        assert (told["id"], told["roles"], told["tenant"]) == ("ann@example.com", ["lead", "clerk"], "shop")
        assert told["rights"] == ["requests", "runs"]


@pytest.mark.parametrize(
    ("claims", "how"),
    [
        ({"person": "email"}, {"claims": {"email_verified": False}}),
        ({"person": "email"}, {"omit": ["email_verified"]}),
        ({"person": "email"}, {"omit": ["email"]}),
        ({"person": "nickname"}, {}),
        ({"tenant": "org"}, {"omit": ["org"]}),
        ({"tenant": "org"}, {"claims": {"org": ["shop", "other"]}}),
        ({"tenant": "org"}, {"claims": {"org": ["shop"]}}),
        ({"tenant": "org"}, {"claims": {"org": "*"}}),
        ({"tenant": "org"}, {"claims": {"org": " * "}}),
        ({"tenant": "org"}, {"claims": {"org": ["*"]}}),
        ({"tenant": "org"}, {"claims": {"org": ""}}),
        ({"tenant": "org"}, {"claims": {"org": "  "}}),
        ({"tenant": "org"}, {"claims": {"org": []}}),
        ({"tenant": "org"}, {"claims": {"org": None}}),
        ({"tenant": "org"}, {"claims": {"org": "shop,other"}}),
        ({"tenant": "org"}, {"claims": {"org": {"name": "*"}}}),
    ],
    ids=repr,
)
async def test_what_is_not_said_is_not_made_up(
    shop: Shop, serving: Serving, provider: Provider, claims: dict[str, str], how: dict[str, Any]
) -> None:
    async with house(shop, saying(serving, **claims)) as at:
        provider.behaves(**how)
        browser = at.browser()
        assert (await there_and_back(browser)).status_code == 403
        assert await who(browser) == ""


async def test_the_directory_says_more_than_the_provider(shop: Shop, serving: Serving, provider: Provider) -> None:
    shop.people(PEOPLE)
    async with house(shop, saying(serving, roles="groups", tenant="org")) as at:
        provider.behaves(claims={"sub": "bob"})
        told = await told_of(at)
        assert (told["id"], told["roles"], told["tenant"]) == ("bob", [], "shop")
        provider.behaves(claims={"sub": "eve"})
        browser = at.browser()
        answer = await there_and_back(browser)
        assert (answer.status_code, "is not in the directory" in answer.text) == (403, True)
        (line,) = await at.lines("session.refused")
        assert line.actor == "eve"


async def test_sessions_of_a_provider_that_is_taken_out_of_the_file_are_over(shop: Shop, serving: Serving) -> None:
    async with house(shop, serving) as at:
        browser = at.browser()
        await there_and_back(browser)
        cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
    async with house(shop, replace(serving, oidc=None)) as at:
        assert await who(at.browser(), cookie=cookie) == ""
