"""[server] of hitl.toml: where the inbox is served, who may come in and how, and who may see what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..errors import ConfigError, Fault
from ..policy import parse_duration
from .tables import A_MINUTE, DURATION, FLAG, ROLES, TABLE, TEXT, TEXTS, Table, Type, is_number, unknown_key

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 8484
RIGHTS: Final = ("requests", "runs", "start", "operate", "policy", "audit", "tokens")
"""What [server.rights] can name: the rights of server/auth/visitor.py, which says what they are."""


@dataclass(frozen=True, slots=True)
class OpenId:
    """[server.oidc]: a provider that says who people are. `secret` is the file with the client's secret, if it has one.

    `person`, `roles` and `tenant` are the claims that say these; "" for what the provider does not say.
    """

    issuer: str
    client_id: str
    secret: Path | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    person: str = "sub"
    roles: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Proxy:
    """[server.proxy]: a proxy that has signed people in, and says in headers who they are.

    `trusted` are the addresses and networks that it may speak from; from anywhere else its headers count for nothing.
    """

    trusted: tuple[str, ...]
    person: str = "X-Forwarded-User"
    roles: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Agents:
    """[server.agents]: what clients of other agents may do.

    `a2a` and `mcp` say which protocols are served. `may_answer` are the callers, by the id that their token is of,
    whose clients carry the answers of people; nobody's do unless named. `name` and `description` are what it says of
    itself, and `words` what a text becomes that starts a run: the "text" itself, or a list of "messages" with it.
    """

    a2a: bool = False
    mcp: bool = False
    may_answer: tuple[str, ...] = ()
    name: str = ""
    description: str = ""
    words: str = "text"


@dataclass(frozen=True, slots=True)
class Serving:
    """How the inbox is served. `url` is where people reach it, which links in messages begin with; "" for its address.

    `hosts` are further names that it answers to, and `forwarded` the proxies in front whose X-Forwarded-For counts.
    `undo` is how many seconds a click in the inbox can be taken back before it is given as an answer. A session ends
    after `session`, or `idle` after its last use. `rights` are the roles that each right needs, one of them
    (server/auth/rights.py says what is not named here). `body` is how many bytes a request may have, and `patience`
    how many seconds it may take to arrive; `calls_a_minute` and `sign_ins_a_minute` are how often one person or address
    may come, 0 for no end. `copilotkit` is the name by which such pages know the app; "" for no pages. `apps` are the
    files of those that are served beside it, by the names by which pages and other agents know them.
    """

    host: str = LOOPBACK
    port: int = PORT
    url: str = ""
    hosts: tuple[str, ...] = ()
    forwarded: tuple[str, ...] = ()
    undo: float = 5.0
    session: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=2)
    rights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    oidc: OpenId | None = None
    proxy: Proxy | None = None
    agents: Agents = Agents()
    copilotkit: str = ""
    apps: Mapping[str, Path] = field(default_factory=dict)
    body: int = 1 << 20
    patience: float = 20.0
    calls_a_minute: int = 600
    sign_ins_a_minute: int = 10

    @property
    def address(self) -> str:
        """What links begin with."""
        return self.url or f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def has_identity_provider(self) -> bool:
        """Whether somebody says who people are, so that more than this machine may come in."""
        return self.oidc is not None or self.proxy is not None

    def require_identity_provider(self) -> None:
        """Raises ConfigError where more than this machine may come in, and nobody says who people are."""
        if self.is_local or self.has_identity_provider:
            return
        why = (
            f"{self.host!r} can be reached from other machines, and nobody says who people are: say it with "
            "[server.oidc] or [server.proxy], or keep to 127.0.0.1 and come in through an SSH tunnel"
        )
        raise ConfigError([Fault("server.host", why)])


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, which no other machine reaches."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


PLACE: Final = Type("an integer from 0 to 65535", lambda value: type(value) is int and 0 <= value <= 65_535)
URL: Final = Type("an URL such as 'https://inbox.example.com'", lambda value: TEXT.fits(value) and _is_url(value))
ISSUER: Final = Type("an URL that begins with https://", lambda value: TEXT.fits(value) and _is_issuer(value))
UNDO: Final = Type("seconds between 0 and 60", lambda value: is_number(value) and 0 <= value <= 60)
BODY: Final = Type("bytes from 1024 to 67108864", lambda value: type(value) is int and 1024 <= value <= 1 << 26)
WORDS: Final = Type("'text' or 'messages'", lambda value: value in ("text", "messages"))
AGENT: Final = Type(
    "a name without '/', '{' and '}'",
    lambda value: TEXT.fits(value) and value.isprintable() and not set("/{}") & set(value),
)
PATIENCE: Final = Type("seconds between 1 and 600", lambda value: is_number(value) and 1 <= value <= 600)
FILE: Final = Type(
    "the name of a hitl.toml that lies beside this one", lambda value: TEXT.fits(value) and Path(value).name == value
)
NETWORKS: Final = Type(
    "a list of addresses or networks such as '10.0.0.7' or '10.0.0.0/24', at least one",
    lambda value: ROLES.fits(value) and all(map(_is_network, value)),
)
SCOPES: Final = Type("a list of texts with 'openid'", lambda value: TEXTS.fits(value) and "openid" in value)
HEADER: Final = Type(
    "the name of a header", lambda value: TEXT.fits(value) and value.replace("-", "").isalnum() and value.isascii()
)

Keys = Mapping[str, tuple[Type, Callable[[Any], Any]]]

SERVER_KEYS: Final[Keys] = {
    "host": (TEXT, str),
    "port": (PLACE, int),
    "url": (URL, lambda value: value.rstrip("/")),
    "hosts": (TEXTS, tuple),
    "forwarded": (NETWORKS, tuple),
    "undo": (UNDO, float),
    "session": (DURATION, parse_duration),
    "idle": (DURATION, parse_duration),
    "rights": (TABLE, dict),
    "oidc": (TABLE, dict),
    "proxy": (TABLE, dict),
    "agents": (TABLE, dict),
    "copilotkit": (AGENT, str),
    "apps": (TABLE, dict),
    "body": (BODY, int),
    "patience": (PATIENCE, float),
    "calls_a_minute": (A_MINUTE, int),
    "sign_ins_a_minute": (A_MINUTE, int),
}
"""The keys of [server]: what each value must be, and what is made of it."""

OIDC_KEYS: Final[Keys] = {
    "issuer": (ISSUER, lambda value: value.rstrip("/")),
    "client_id": (TEXT, str),
    "secret": (TEXT, str),
    "scopes": (SCOPES, tuple),
    "person": (TEXT, str),
    "roles": (TEXT, str),
    "tenant": (TEXT, str),
}

PROXY_KEYS: Final[Keys] = {
    "trusted": (NETWORKS, tuple),
    "person": (HEADER, str),
    "roles": (HEADER, str),
    "tenant": (HEADER, str),
}

AGENTS_KEYS: Final[Keys] = {
    "a2a": (FLAG, bool),
    "mcp": (FLAG, bool),
    "may_answer": (TEXTS, tuple),
    "name": (TEXT, str),
    "description": (TEXT, str),
    "words": (WORDS, str),
}


def serving_from(table: Table, folder: Path) -> Serving:
    """[server] of a file in this folder, with what is wrong in it added to the faults of the table."""
    read = _values(table, SERVER_KEYS)
    for name in _TABLES:
        read.pop(name, None)
    rights, oidc, proxy, agents, apps = (_below(table, name) for name in _TABLES)
    others = _agents(agents)
    return Serving(
        **read,
        rights=_rights(rights),
        oidc=_oidc(oidc, folder),
        proxy=_proxy(proxy),
        agents=others,
        apps=_apps(apps, folder, read.get("copilotkit", ""), nameless=others.a2a or others.mcp),
    )


_TABLES: Final = ("rights", "oidc", "proxy", "agents", "apps")


def _below(table: Table, name: str) -> Table:
    """A table inside it. That it is one has been looked at with the other keys."""
    found = table.values.get(name)
    return Table(f"{table.name}.{name}", found if isinstance(found, dict) else None, table.faults)


def _values(table: Table, keys: Keys) -> dict[str, Any]:
    read = {key: (table.get(key, kind), make) for key, (kind, make) in keys.items()}
    return {key: make(value) for key, (value, make) in read.items() if value is not None}


def _rights(table: Table) -> dict[str, tuple[str, ...]]:
    _refuse_others(table, RIGHTS)
    return {right: tuple(roles) for right in RIGHTS if (roles := table.get(right, ROLES)) is not None}


def _oidc(table: Table, folder: Path) -> OpenId | None:
    read = _given(table, OIDC_KEYS, {"issuer": "https://accounts.example.com", "client_id": "hitl"})
    if read is None:
        return None
    secret = read.pop("secret", None)
    return OpenId(**read, secret=None if secret is None else folder / secret)


def _proxy(table: Table) -> Proxy | None:
    read = _given(table, PROXY_KEYS, {"trusted": ["10.0.0.7"]})
    return None if read is None else Proxy(**read)


def _agents(table: Table) -> Agents:
    return Agents(**(_given(table, AGENTS_KEYS, {}) or {}))


def _apps(table: Table, folder: Path, own: str, *, nameless: bool) -> dict[str, Path]:
    """The files of the apps beside. They lie beside this one: a process has one place that modules come from.

    `nameless`: others than pages come in too, which need no name for this app.
    """
    if table.given and not (own or nameless):
        table.faults.append(Fault("server.copilotkit", "is missing: name this app too, by which pages know it"))
    found = {name: folder / file for name in table.values if (file := table.get(name, FILE)) is not None}
    table.faults += [Fault(f"{table.name}.{name}", f"must be {AGENT.words}") for name in found if not AGENT.fits(name)]
    if own in found:
        table.faults.append(Fault(f"{table.name}.{own}", "is what server.copilotkit calls this app; take another name"))
    return found


def _given(table: Table, keys: Keys, needed: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a table says; None if it is not there, or lacks what it needs, which is a fault."""
    if not table.given:
        return None
    _refuse_others(table, keys)
    for key in needed.keys() - table.values.keys():
        table.faults.append(Fault(f"{table.name}.{key}", f"is missing; write for example {key} = {needed[key]!r}"))
    read = _values(table, keys)
    return read if needed.keys() <= read.keys() else None


def _refuse_others(table: Table, known: Any) -> None:
    table.faults += [unknown_key(f"{table.name}.{key}", key, known) for key in table.values if key not in known]


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and _is_bare(value)
    except ValueError:
        return False


def _is_bare(url: str) -> bool:
    """Without a name, a query or a fragment, which have no place in what others begin with."""
    return not any(sign in url for sign in "@?# \t\n\\") and url.isprintable()


def _is_issuer(value: str) -> bool:
    return _is_url(value) and (value.startswith("https://") or is_loopback(urlsplit(value).hostname or ""))


def _is_network(value: str) -> bool:
    try:
        return bool(ip_network(value))
    except ValueError:
        return False
