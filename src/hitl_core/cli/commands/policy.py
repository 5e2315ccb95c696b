"""`hitl policy check`, `explain`, `backtest`, `test`: what is wrong with the policy file, and what it does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from ...config import check_policy, policy_file
from ...errors import ConfigError, Fault
from ...policy import Policy, beside, try_cases
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile, Exit, given_json
from ..terminal import policy_views
from ..terminal.output import Output
from .grants import lasting

PolicyFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The policy file; by default the configured one.")
]
ActionFile = Annotated[str, typer.Argument(metavar="ACTION.json", help="A file with an action as JSON, or -.")]
OtherPolicy = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="Explain this policy instead of the configured one.")
]

ChangedFile = Annotated[Path, typer.Argument(metavar="FILE", help="The changed policy file.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="How far back: 12h, 30d. By default, all.")]

policy_app: Final = typer.Typer(
    name="policy", help="The tools for the policy file.", no_args_is_help=True, rich_markup_mode=None
)


@policy_app.command("check")
def check(file: PolicyFile = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Look for what is wrong with the policy file. Exit status 0 nothing, 1 faults, 2 it cannot be read."""
    beside_it = config if config != DEFAULT_CONFIG or file is None or config.exists() else None
    found = asyncio.run(check_policy(file or configured(config), beside_it))
    Output(as_json).result(policy_views.check_view(found), *policy_views.check_shown(found))
    if found.unreadable:
        return Exit.WRONG_USAGE
    return Exit.FAILED if found.faults else Exit.DONE


@policy_app.command("explain")
def explain(
    action: ActionFile, policy: OtherPolicy = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Which rule decides about an action, and why. Also the nearest single value that would alter the level."""
    asked = given_json(action if action == "-" else f"@{action}", "ACTION.json", shape="object")
    other = None if policy is None else Policy.from_file(policy)
    found = Opening(config).do(lambda hitl: hitl.explain(asked, policy=other))
    Output(as_json).result(policy_views.explanation_view(found), *policy_views.explanation_shown(found))


@policy_app.command("backtest")
def backtest(
    file: ChangedFile, since: Since = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Try a changed file on the recorded actions. What would have come of them, whose fate changes. Writes nothing."""
    policy = Policy.from_file(file)
    start = None if since is None else datetime.now(UTC) - lasting(since, "--since")
    found = Opening(config).do(lambda hitl: hitl.backtest(policy, since=start))
    Output(as_json).result(policy_views.backtest_view(found), *policy_views.backtest_shown(found))


@policy_app.command("test")
def try_the_cases(file: PolicyFile = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Try the cases beside the policy file (`policy.cases.toml`). Exit status 1 if one of them fails."""
    path = file or configured(config)
    tried = try_cases(Policy.from_file(path), beside(path))
    Output(as_json).result(policy_views.cases_view(tried), *policy_views.cases_shown(tried))
    return Exit.DONE if all(each.passed for each in tried) else Exit.FAILED


def configured(config: Path) -> Path:
    """The policy file of a configuration. Raises ConfigError."""
    found = policy_file(config)
    if found is None:
        raise ConfigError([Fault("policy.file", f"is not in {config}; name the policy file")])
    return found
