"""`hitl login`, `hitl token make`, `list` and `revoke`: a link that signs in once, and tokens for programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ...config import IN_MEMORY, Config, Serving, require_store
from ...config.serving import RIGHTS
from ...errors import Fault
from ...protocol import Json
from ...runtime import Runtime
from ..errors_shown import WrongUsage
from ..hints import Hints
from ..opening import Opening
from ..options import DEFAULT_CONFIG, As, AsJson, ConfigFile, Roles, login_name, responder
from ..terminal.output import Output
from ..terminal.render import ago, shown, table_of
from .grants import lasting
from .serve import require_extra

if TYPE_CHECKING:
    from ...server import Site
    from ...server.auth import Token

T = TypeVar("T")

AsOrMe = Annotated[
    str | None, typer.Option("--as", metavar="WHO", envvar="HITL_AS", help="Who signs in. By default your login name.")
]
TokenName = Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as nightly-report.")]
TokenId = Annotated[str, typer.Argument(metavar="TOKEN", help="The id of a token, as `hitl token list` shows it.")]
Wanted = Annotated[
    list[str], typer.Option("--right", metavar="RIGHT", help=f"What it is good for: {', '.join(RIGHTS)}. Repeatable.")
]
Whose = Annotated[str | None, typer.Option("--of", metavar="PERSON", help="Whose token it is. By default your own.")]
OneTenant = Annotated[str | None, typer.Option("--tenant", help="Only this tenant's things.")]
Lasts = Annotated[str, typer.Option("--for", metavar="TIME", help="How long it lasts: 12h, 90d. At most a year.")]

token_app: Final = typer.Typer(
    name="token", help="Tokens with which programs use the API.", no_args_is_help=True, rich_markup_mode=None
)


def login(as_: AsOrMe = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Print a link that signs in one browser, once. Whoever has it comes in as WHO."""
    person = login_name() if as_ is None else as_
    base = address_of(Config.load(config).serving)

    async def work(site: Site) -> str:
        from ...server.auth.login_links import new_link

        return await new_link(site, person)

    url = f"{base}/login/{_do(config, work)}"
    Output(as_json).result({"url": url, "person": person}, shown(url))


@token_app.command("make")
def make(
    name: TokenName,
    as_: As,
    right: Wanted,
    of: Whose = None,
    tenant: OneTenant = None,
    role: Roles = None,
    lasts: Lasts = "90d",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once: only its digest is kept. It never lets more be done than its person may."""
    by, duration = responder(as_, role), lasting(lasts, "--for")
    _require_rights(right)

    async def work(site: Site) -> tuple[str, Token]:
        from ...server.auth import Right, tokens

        rights = [Right(each) for each in right]
        return await tokens.make(
            site,
            person=of or as_,
            rights=rights,
            by=by,
            name=name,
            tenant=tenant,
            roles=by.roles,
            lasts=duration,
        )

    secret, made = _do(config, work)
    output = Output(as_json)
    output.result({"token": secret, **token_view(made)}, Text(secret))
    if not as_json:  # beside the result, so that `hitl token make … > FILE` makes a file for store.token_file
        output.err.print(_kept_text(made, Hints(config)), soft_wrap=True)


@token_app.command("list")
def listed(of: Whose = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """The tokens that have not expired, newest first; never what they are."""

    async def work(site: Site) -> tuple[Token, ...]:
        from ...server.auth import tokens

        return await tokens.tokens(site, person=of)

    found = _do(config, work)
    table = _table(found, datetime.now(UTC)) if found else Text("there are no tokens", "dim")
    Output(as_json).result({"tokens": [token_view(each) for each in found]}, table)


@token_app.command("revoke")
def revoke(
    token: TokenId, as_: As, role: Roles = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """End a token: it is good for nothing from now on."""
    by = responder(as_, role)

    async def work(site: Site) -> bool:
        from ...server.auth import tokens

        return await tokens.revoke(site, token, by=by)

    if not _do(config, work):
        raise WrongUsage([Fault("TOKEN", f"{token!r} is the id of none; `hitl token list` shows those that there are")])
    Output(as_json).result({"id": token, "kind": "token", "state": "revoked"}, shown(f"token {token} is revoked"))


def address_of(serving: Serving) -> str:
    """Where people reach the inbox, as configured. Raises WrongUsage where any port will do."""
    if serving.url:
        return serving.url
    if not serving.port:
        raise WrongUsage([Fault("server.port", "is any that is free; `hitl serve` prints a link of its own")])
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    return f"http://{host}:{serving.port}"


def _do(config: Path, work: Callable[[Site], Awaitable[T]]) -> T:
    require_extra()
    found = Config.load(config)
    require_store(found.store_url, "what signs people and programs in")
    if found.store_url == IN_MEMORY:
        gone = "is a store in memory, which only `hitl serve` itself has: it prints a link of its own"
        raise WrongUsage([Fault("store.url", gone)])
    serving = found.serving

    async def at(hitl: Runtime) -> T:
        from ...server import Site

        return await work(Site(hitl, serving))

    return Opening(config).do(at)


def _require_rights(rights: Iterable[str]) -> None:
    known = ", ".join(RIGHTS)
    if faults := [Fault("--right", f"{each!r} is none; there are {known}") for each in rights if each not in RIGHTS]:
        raise WrongUsage(faults)


def token_view(token: Token) -> dict[str, Json]:
    """A token, without what it says. Documented in docs/cli.md."""
    return {
        "id": token.id,
        "kind": "token",
        "name": token.name,
        "person": token.person,
        "tenant": token.tenant,
        "rights": [right.value for right in token.rights],
        "made_at": token.made_at.isoformat(),
        "expires": token.expires.isoformat(),
        "seen": None if token.seen is None else token.seen.isoformat(),
    }


def _kept_text(made: Token, hints: Hints) -> Text:
    end = hints("token", "revoke", made.id, "--as", "WHO")
    return shown(f"It is shown this once. It is {made.person}'s until {made.expires:%Y-%m-%d}; end it: {end}")


def _table(tokens: Iterable[Token], now: datetime) -> Table:
    table = table_of("token", "name", "person", "tenant", "rights", "ends", "last used")
    for each in tokens:
        seen = "never" if each.seen is None else ago(each.seen, now)
        rights, tenant = shown(", ".join(each.rights)), shown(each.tenant or "all of theirs")
        table.add_row(each.id, shown(each.name), shown(each.person), tenant, rights, ago(each.expires, now), seen)
    return table
