"""`hitl policy explain`, `test`: why the policy decides as it does, and whether it says what is expected of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from ...config import Config
from ...errors import ConfigError, Fault
from ...policy import Policy, beside, try_cases
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile, Exit, given_json
from ..terminal import policy_views
from ..terminal.output import Output

PolicyFile = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="The policy file; by default the configured one.")
]
ActionFile = Annotated[str, typer.Argument(metavar="ACTION.json", help="A file with an action as JSON, or -.")]
OtherPolicy = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="Explain this policy instead of the configured one.")
]

policy_app: Final = typer.Typer(
    name="policy", help="The tools for the policy file.", no_args_is_help=True, rich_markup_mode=None
)


@policy_app.command("explain")
def explain(
    action: ActionFile, policy: OtherPolicy = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Which rule decides about an action, why, and the nearest single value that would alter the level."""
    asked = given_json(action if action == "-" else f"@{action}", "ACTION.json", shape="object")
    other = None if policy is None else Policy.from_file(policy)
    found = Opening(config).do(lambda hitl: hitl.explain(asked, policy=other))
    Output(as_json).result(policy_views.explanation_view(found), *policy_views.explanation_shown(found))


@policy_app.command("test")
def try_the_cases(file: PolicyFile = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Try the cases beside the policy file (`policy.cases.toml`). Exit status 1 if one of them fails."""
    path = file or configured(config)
    tried = try_cases(Policy.from_file(path), beside(path))
    Output(as_json).result(policy_views.cases_view(tried), *policy_views.cases_shown(tried))
    return Exit.DONE if all(each.passed for each in tried) else Exit.FAILED


def configured(config: Path) -> Path:
    """The policy file of a configuration. Raises ConfigError."""
    found = Config.load(config).policy_file
    if found is None:
        raise ConfigError([Fault("policy.file", f"is not in {config}; name the policy file")])
    return found
