"""`hitl serve`, `hitl login` and `hitl token` as people run them: what they print lets in whoever it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.cli.shop import PATIENCE, Shop
from tests.server.served import Served

pytestmark = pytest.mark.processes

Serve = Callable[..., Served]


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(follow_redirects=False, timeout=PATIENCE) as client:
        yield client


def press(browser: httpx.Client, link: str) -> int:
    page = browser.get(link)
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    return browser.post(link, data={"csrf": csrf}).status_code


def test_serve_prints_a_link_that_signs_in_once(shop: Shop, served: Serve, browser: httpx.Client) -> None:
    found = served(shop)
    link = found.said["sign_in"]
    assert link.startswith(f"{found.url}/login/")
    assert press(browser, link) == 303
    assert "hitl_session" in browser.cookies
    with httpx.Client(timeout=PATIENCE) as another:
        assert press(another, link) == 403
        assert another.get(link).status_code == 410


def test_login_prints_another_one_while_it_serves(shop: Shop, served: Serve, browser: httpx.Client) -> None:
    found = served(shop)
    made = shop.hitl("login", "--as", "ann", "--json").json
    assert made["person"] == "ann"
    assert press(browser, f"{found.url}/login/{made['url'].rpartition('/')[2]}") == 303


def test_a_token_is_made_listed_and_revoked(shop: Shop) -> None:
    made = shop.hitl("token", "make", "report", "--as", "ann", "--right", "runs", "--for", "30d", "--json").json
    assert made["token"].startswith("hitl_")
    assert (made["name"], made["person"], made["rights"], made["seen"]) == ("report", "ann", ["runs"], None)
    (listed,) = shop.hitl("token", "list", "--json").json["tokens"]
    assert listed == {key: value for key, value in made.items() if key != "token"}
    assert made["token"] not in shop.hitl("token", "list").out
    assert shop.hitl("token", "list", "--of", "bob", "--json").json["tokens"] == []
    assert shop.hitl("token", "revoke", made["id"], "--as", "boss").code == 0
    assert shop.hitl("token", "revoke", made["id"], "--as", "boss").code != 0
    assert shop.hitl("token", "list", "--json").json["tokens"] == []


def test_a_token_is_all_that_is_printed_so_that_it_can_be_sent_into_its_file(shop: Shop) -> None:
    made = shop.hitl("token", "make", "report", "--as", "ann", "--right", "runs")
    (secret,) = made.out.splitlines()
    assert secret.startswith("hitl_")
    assert secret.removeprefix("hitl_").replace("-", "").replace("_", "").isalnum()
    assert made.err.startswith("It is shown this once.")
    as_json = shop.hitl("token", "make", "report", "--as", "ann", "--right", "runs", "--json")
    assert (as_json.json["token"].startswith("hitl_"), as_json.err) == (True, "")


def test_a_token_without_a_tenant_is_said_to_see_what_its_person_sees(shop: Shop) -> None:
    shop.hitl("token", "make", "report", "--as", "ann", "--right", "runs")
    assert "all of theirs" in shop.hitl("token", "list").out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--right", "everything"), "'everything' is none"),
        (("--right", "runs", "--for", "800d"), "--for"),
        ((), "--right"),
    ],
)
def test_what_makes_no_token_is_said(shop: Shop, arguments: tuple[str, ...], why: str) -> None:
    done = shop.hitl("token", "make", "x", "--as", "ann", *arguments)
    assert done.code != 0
    assert why in done.err
    assert shop.hitl("token", "list", "--json").json["tokens"] == []


def test_in_a_store_in_memory_nothing_can_be_left_for_the_server(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_STORE_URL", "sqlite://")
    done = shop.hitl("login", "--as", "ann")
    assert (done.code, "prints a link of its own" in done.err) == (2, True)


def test_whom_the_directory_does_not_know_gets_no_link(shop: Shop, served: Serve) -> None:
    with (shop.folder / "hitl.toml").open("a") as config:
        config.write('\n[people]\nfile = "people.toml"\n')
    (shop.folder / "people.toml").write_text('[people.ann]\nroles = ["lead"]\n')
    found = served(shop)
    assert found.said["sign_in"] == ""
    refused = shop.hitl("login", "--as", "eve")
    assert (refused.code != 0, "'eve' is not in the directory of people" in refused.err) == (True, True)
    assert "/login/" in shop.hitl("login", "--as", "ann", "--json").json["url"]
    found.process.terminate()
    assert "hitl login --as WHO" in found.ended()[1]
