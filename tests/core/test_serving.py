"""[server] of hitl.toml: what it may say, and what it must not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hitl_core.config import Agents, Config, OpenId, Proxy, Serving
from hitl_core.config.serving import is_loopback
from hitl_core.errors import ConfigError

Serve = Callable[[str], Serving]
MINIMAL = '[backend]\nname = "plain"\napp = "desk:app"\n'
OIDC = '[server.oidc]\nissuer = "https://id.example.com/"\nclient_id = "hitl"\n'
PROXY = '[server.proxy]\ntrusted = ["10.0.0.0/24", "::1"]\n'


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    def read(text: str) -> Serving:
        file = tmp_path / "hitl.toml"
        file.write_text(MINIMAL + text, encoding="utf-8")
        return Config.load(file).serving

    return read


def faults_of(serve: Serve, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as refused:
        serve(text)
    return {fault.path.removeprefix("hitl.toml: "): fault.problem for fault in refused.value.faults}


def test_who_says_nothing_serves_this_machine_alone(serve: Serve) -> None:
    found = serve("")
    assert found == Serving()
    assert found.is_local
    assert not found.has_identity_provider


def test_all_that_it_can_say(serve: Serve, tmp_path: Path) -> None:
    found = serve(
        '[server]\nhost = "0.0.0.0"\nport = 80\nurl = "https://example.com/inbox/"\nhosts = ["a", "b"]\n'
        'forwarded = ["::1"]\nundo = 0\n'
        'session = "30m"\nbody = 2048\npatience = 1.5\ncalls_a_minute = 0\nsign_ins_a_minute = 3\n'
        f'[server.rights]\naudit = ["lead"]\n{OIDC}secret = "oidc.secret"\nroles = "groups"\n'
        f'{PROXY}person = "X-User"\ntenant = "X-Tenant"\n'
        '[server.agents]\na2a = true\nmcp = true\nmay_answer = ["portal"]\nname = "Refunds"\nwords = "messages"\n'
    )
    assert found == Serving(
        host="0.0.0.0",
        port=80,
        url="https://example.com/inbox",
        hosts=("a", "b"),
        forwarded=("::1",),
        undo=0.0,
        session=timedelta(minutes=30),
        rights={"audit": ("lead",)},
        oidc=OpenId("https://id.example.com", "hitl", tmp_path / "oidc.secret", roles="groups"),
        proxy=Proxy(("10.0.0.0/24", "::1"), person="X-User", tenant="X-Tenant"),
        agents=Agents(a2a=True, mcp=True, may_answer=("portal",), name="Refunds", words="messages"),
        body=2048,
        patience=1.5,
        calls_a_minute=0,
        sign_ins_a_minute=3,
    )
    assert not found.is_local


def test_more_than_this_machine_needs_somebody_who_says_who_people_are(serve: Serve) -> None:
    everywhere = '[server]\nhost = "0.0.0.0"\n'
    for found in (serve(""), *(serve(everywhere + door) for door in (OIDC, PROXY))):
        found.require_identity_provider()
    with pytest.raises(ConfigError, match=r"server\.host: '0\.0\.0\.0' can be reached from other machines"):
        serve(everywhere).require_identity_provider()


@pytest.mark.parametrize("door", [OIDC, PROXY])
def test_a_provider_or_a_proxy_is_a_door(serve: Serve, door: str) -> None:
    assert serve(door).has_identity_provider


@pytest.mark.parametrize(
    "said",
    [
        'host = ""',
        "port = -1",
        "port = 65536",
        'port = "80"',
        "port = true",
        'url = "inbox.example.com"',
        'url = "ftp://inbox.example.com"',
        'url = "https://"',
        'url = "https://inbox.example.com?a=1"',
        'url = "https://ann@inbox.example.com"',
        'url = "https://inbox.example.com:0"',
        'url = "https://[::1"',
        'hosts = "inbox"',
        'forwarded = ["the proxy"]',
        "undo = 61",
        "undo = true",
        'session = "soon"',
        "body = 10",
        "patience = 0",
        "calls_a_minute = -1",
        "sign_ins_a_minute = 0.5",
        'rights = "all"',
        "oidc = 1",
        "proxy = []",
        "agents = true",
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(serve: Serve, said: str) -> None:
    assert list(faults_of(serve, f"[server]\n{said}\n")) == [f"server.{said.partition(' ')[0]}"]


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ('[server.rights]\naudit = "lead"\n', "server.rights.audit"),
        ('[server.agents]\na2a = "yes"\n', "server.agents.a2a"),
        ('[server.agents]\nmay_answer = "portal"\n', "server.agents.may_answer"),
        ('[server.agents]\nmay_answer = [""]\n', "server.agents.may_answer"),
        ('[server.agents]\nmay_anwser = ["portal"]\n', "server.agents.may_anwser"),
        ('[server.agents]\nwords = "json"\n', "server.agents.words"),
        ("[server.rights]\naudit = []\n", "server.rights.audit"),
        (OIDC.replace("https", "http"), "server.oidc.issuer"),
        (OIDC.replace("https://id.example.com/", "https://id.example.com?x"), "server.oidc.issuer"),
        (OIDC + 'scopes = ["profile"]\n', "server.oidc.scopes"),
        (PROXY.replace("10.0.0.0/24", "the proxy"), "server.proxy.trusted"),
        (PROXY.replace("10.0.0.0/24", "10.0.0.7/24"), "server.proxy.trusted"),
        ("[server.proxy]\ntrusted = []\n", "server.proxy.trusted"),
        (PROXY + 'person = "X User"\n', "server.proxy.person"),
        (PROXY + 'roles = "é"\n', "server.proxy.roles"),
    ],
)
def test_a_value_in_a_table_of_it_that_cannot_be_meant_is_refused(serve: Serve, said: str, path: str) -> None:
    assert list(faults_of(serve, said)) == [path]


@pytest.mark.parametrize(
    ("said", "path", "hint"),
    [
        ("[server]\nprot = 1\n", "server.prot", "did you mean 'port'?"),
        ('[server.rights]\naudits = ["lead"]\n', "server.rights.audits", "did you mean 'audit'?"),
        (OIDC + "qqq = 1\n", "server.oidc.qqq", "known: client_id, issuer, person, roles, scopes, secret, tenant"),
        (PROXY + 'trust = ["::1"]\n', "server.proxy.trust", "did you mean 'trusted'?"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(serve: Serve, said: str, path: str, hint: str) -> None:
    assert hint in faults_of(serve, said)[path]


def test_what_a_door_needs_is_named(serve: Serve) -> None:
    found = faults_of(serve, '[server.oidc]\nroles = "groups"\n[server.proxy]\nperson = "X-User"\n')
    assert found.keys() == {"server.oidc.issuer", "server.oidc.client_id", "server.proxy.trusted"}
    assert found["server.proxy.trusted"] == "is missing; write for example trusted = ['10.0.0.7']"


def test_a_provider_on_this_machine_may_go_without_tls(serve: Serve) -> None:
    found = serve(OIDC.replace("https://id.example.com/", "http://127.0.0.1:9000"))
    assert found.oidc is not None
    assert found.oidc.issuer == "http://127.0.0.1:9000"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LocalHost."])
def test_what_is_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "", "127.0.0.1.nip.io"])
def test_what_is_not(host: str) -> None:
    assert not is_loopback(host)
