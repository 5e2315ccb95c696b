"""Policies of several files: what they share, in which order their rules stand, and how faults name their file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hitl_core.errors import PolicyInvalid
from hitl_core.policy import Defaults, Facts, Policy
from hitl_core.policy.file.sources import MOST_FILES
from hitl_core.protocol import Action, Level

FACTS = Facts(now=datetime(2026, 11, 2, 10, 0, tzinfo=UTC), environment="test", reversible=True)


def rule(name: str, more: str = "") -> str:
    return f'[[rules]]\nid = "{name}"\nwhy = "x"\nmatch = {{ tool = "x" }}\nlevel = "confirm"\n{more}\n'


def written(folder: Path, **texts: str) -> Path:
    """These files, by name; the first is the policy."""
    for name, text in texts.items():
        path = folder / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / f"{next(iter(texts))}.toml"


def faults(path: Path) -> list[str]:
    with pytest.raises(PolicyInvalid) as caught:
        Policy.from_file(path)
    return [str(fault).replace(f"{path.parent}/", "") for fault in caught.value.faults]


def test_included_rules_stand_before_the_file_and_each_file_counts_once(tmp_path: Path) -> None:
    main = written(
        tmp_path,
        main='include = ["one.toml", "two.toml"]\n' + rule("main"),
        one='include = ["deep.toml"]\n' + rule("one"),
        two='include = ["./deep.toml"]\n' + rule("two"),
        deep=rule("deep"),
    )
    policy = Policy.from_file(main)
    assert [each.id for each in policy.rules] == ["deep", "one", "two", "main"]
    assert [path.name for path in policy.files] == ["deep.toml", "one.toml", "two.toml", "main.toml"]


def test_paths_are_taken_from_where_the_file_lies(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.toml").write_text('include = ["../c.toml"]\n' + rule("b"), encoding="utf-8")
    main = written(tmp_path, main='include = ["inner/b.toml"]\n', c=rule("c"))
    assert [each.id for each in Policy.from_file(main).rules] == ["c", "b"]


def test_groups_calendars_and_defaults_are_shared(tmp_path: Path) -> None:
    shared = '[groups]\nfinance = ["ann", "bob"]\n[calendars.off]\ndays = [2026-11-02]\n' + rule("shared")
    own = rule(
        "own", 'approvers = { users = ["bob"], groups = ["finance"], roles = ["lead"] }\nwhen = { calendar = "off" }'
    )
    main = written(tmp_path, main=f'include = ["shared.toml"]\ndefaults = {{ deadline = "2h" }}\n{own}', shared=shared)
    policy = Policy.from_file(main)
    ruling = policy.decide(Action(tool="x"), facts=FACTS)
    assert (ruling.rule, ruling.deadline_seconds) == ("shared", 7200)
    approvers = policy.rules[1].approvers
    assert approvers is not None
    assert (approvers.users, approvers.roles) == (("bob", "ann"), ("lead",))


def test_the_version_is_the_digest_of_all_texts(tmp_path: Path) -> None:
    main = written(tmp_path, main='include = ["other.toml"]\n', other=rule("a"))
    before = Policy.from_file(main).version
    assert Policy.from_file(main).version == before
    written(tmp_path, other=rule("a") + "# a word\n")
    assert Policy.from_file(main).version != before


def test_faults_name_their_file_and_line(tmp_path: Path) -> None:
    main = written(
        tmp_path,
        main='include = ["other.toml"]\n[groups]\nfinance = ["ann"]\n' + rule("a", 'veto = "5m"'),
        other='version = "1"\n[groups]\nfinance = ["bob"]\n' + rule("a") + "[defaults]\n",
    )
    assert faults(main) == [
        "other.toml:1: version: 'version' is not a known key; known: calendars, groups, hours, include, rules",
        "other.toml:10: defaults: 'defaults' is not a known key; known: calendars, groups, hours, include, rules",
        "main.toml:3: groups.finance: is the name of a group already",
        "main.toml:5: rules[0].id: 'a' is the id of a rule in other.toml already",
        'main.toml:9: rules[0].veto: needs level = "notify": announced, then run unless somebody vetoes',
    ]


def test_a_calendar_has_one_definition(tmp_path: Path) -> None:
    days = "[calendars.off]\ndays = [2026-11-02]\n"
    main = written(tmp_path, main=f'include = ["other.toml"]\n{days}', other=days)
    assert faults(main) == ["main.toml:2: calendars.off: is the name of a calendar already"]


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    main = written(tmp_path, main='include = ["other.toml"]\n', other='include = ["main.toml", "other.toml"]\n')
    assert faults(main) == [
        "other.toml:1: include[0]: 'main.toml' includes this file itself; take one of the two away",
        "other.toml:1: include[1]: 'other.toml' includes this file itself; take one of the two away",
    ]


@pytest.mark.parametrize("value", ['"other.toml"', "[5]", '[""]', '["/etc/policy.toml"]'])
def test_an_include_is_a_list_of_relative_paths(tmp_path: Path, value: str) -> None:
    main = written(tmp_path, main=f"include = {value}\n")
    problem = 'must be a list of paths from this file, such as ["shared/refunds.toml"]'
    assert faults(main) == [f"main.toml:1: include: {problem}"]


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    main = written(tmp_path, main='include = ["gone.toml"]\n')
    assert faults(main)[0].startswith("gone.toml: cannot be read: ")
    written(tmp_path, gone="a =\n")
    assert faults(main)[0].startswith("gone.toml:1: is not TOML: ")


def test_there_is_a_limit(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(MOST_FILES + 1)]
    included = ", ".join(f'"{name}.toml"' for name in names)
    main = written(tmp_path, main=f"include = [{included}]\n", **dict.fromkeys(names, "\n"))
    assert faults(main) == [f"main.toml:1: include[{MOST_FILES}]: is one file too many; the limit is {MOST_FILES}"]


def test_an_overlay_changes_what_it_says_and_inherits_the_rest() -> None:
    policy = Policy.from_toml(
        '[defaults]\nlevel = "collaborate"\ndeadline = "2h"\non_timeout = "cancel_run"\n'
        'approvers = { roles = ["lead"] }\n'
        '[environments.production.defaults]\ndeadline = "1h"\n' + rule("a")
    )
    here = policy.decide(Action(tool="y"), facts=FACTS)
    there = policy.decide(Action(tool="y"), facts=Facts(now=FACTS.now, environment="production"))
    assert (here.level, here.deadline_seconds) == (Level.COLLABORATE, 7200)
    assert (there.level, there.deadline_seconds, there.on_timeout) == (here.level, 3600, here.on_timeout)
    assert there.approvers == here.approvers
    ruled = policy.decide(Action(tool="x"), facts=Facts(now=FACTS.now, environment="production"))
    assert (ruled.rule, ruled.deadline_seconds) == ("a", 3600)


def test_overlays_in_python() -> None:
    low = Defaults(level=Level.AUTONOMOUS)
    with pytest.raises(PolicyInvalid, match=r"environments\.test\.defaults\.level: .* needs allow_unmatched"):
        Policy(overlays={"test": low})
    policy = Policy(overlays={"test": Defaults(level=Level.AUTONOMOUS, allow_unmatched=True)})
    assert policy.decide(Action(tool="x"), facts=FACTS).level is Level.AUTONOMOUS
    assert policy.version != Policy().version
