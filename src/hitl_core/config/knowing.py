"""The world that a policy is for, as it is configured: the app's tools, what goes around the gate, people."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..apps import AgentSpec
from ..people import Directory, ListsPeople
from ..policy import Checked, Known, Policy, check_file
from ..protocol import Approvers
from ..tools import Catalogue
from .config import Config, make_adapter
from .directories import directory_from

log = logging.getLogger("hitl_core")


async def check_policy(policy: Path, config: Path | None) -> Checked:
    """Check a policy file, and how it fits what a hitl.toml configures: the app is loaded for that, nothing is run.

    What cannot be looked at is said in `not_looked_at`. Raises ConfigError for a hitl.toml with faults.
    """
    alone = check_file(policy)
    if config is None or alone.invalid:
        return alone
    loaded = Config.load(config, policy=policy)
    known, why_not = await _known(loaded)
    checked = check_file(policy, known)
    return Checked(checked.found, (*checked.not_looked_at, *why_not))


async def _known(config: Config) -> tuple[Known, list[str]]:
    """What can be told; whatever goes wrong in somebody's code is why that part is not looked at."""
    why_not: list[str] = []
    declared = free = people = missing = None
    try:
        declared = config.app.spec()
        free = await _free(config)
    except Exception as exc:
        why_not.append(f"what the app runs without the gate: {type(exc).__name__}: {exc}")
    try:
        people, missing = await _people(config)
    except Exception as exc:
        why_not.append(f"the people, whose directory cannot be used: {type(exc).__name__}: {exc}")
    # An app in its framework's own idiom says of no list that it is the whole.
    tools = None if declared is None else frozenset({*_names(declared), *config.tools, *(free or ())})
    return Known(tools, free, people, missing), why_not


async def _free(config: Config) -> Mapping[str, str]:
    adapter = make_adapter(config, Catalogue(overrides=config.tools, redact=config.redact))
    try:
        found = await adapter.attach()
    finally:
        await adapter.close()
    return {tool: each.message for each in found if each.ungated for tool in each.tools}


def _names(spec: AgentSpec) -> Iterator[str]:
    yield from (tool.name for tool in spec.all_tools())
    for agent in spec.agents:
        yield agent.name
        yield from _names(agent)


async def _people(config: Config) -> tuple[Mapping[str, frozenset[str]] | None, frozenset[str] | None]:
    directory = directory_from(config.people_file, config.people_provider, config.folder)
    if directory is None:
        return None, None
    if not isinstance(directory, ListsPeople):
        return None, await _missing(directory, config)
    everybody = [each for each in await directory.everybody() if each.belongs_to(config.tenant)]
    return {each.id: frozenset(each.acts_in) for each in everybody}, None


async def _missing(directory: Directory, config: Config) -> frozenset[str]:
    """Of the people that the policy names, those that the directory does not have."""
    missing = set()
    for user in dict.fromkeys(_users(config.policy)):
        person = await directory.person(user)
        if person is None or not person.belongs_to(config.tenant):
            missing.add(user)
    return frozenset(missing)


def _users(policy: Policy) -> Iterator[str]:
    named: Iterable[Approvers | None] = (policy.defaults.approvers, *(rule.approvers for rule in policy.rules))
    for approvers in named:
        for stage in () if approvers is None else approvers.in_order:
            yield from stage.users
    for rule in policy.rules:
        for step in (*rule.escalate, *policy.defaults.escalate):
            yield from step.users
