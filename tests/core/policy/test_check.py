"""What is wrong with a policy that can be loaded: table by table, and by random rules against what is decided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_core.policy import (
    All,
    AnyOf,
    Defaults,
    During,
    Facts,
    Glob,
    Known,
    Match,
    Not,
    Policy,
    Rule,
    argument,
    check_file,
    check_text,
)
from hitl_core.policy.deciding import compiled
from hitl_core.policy.linting import Kind, Remark, check
from hitl_core.policy.linting.implying import contradiction, implies
from hitl_core.policy.linting.shadows import match_within
from hitl_core.policy.rules import Condition, Doubt
from hitl_core.protocol import Action
from tests.core.policy import strategies as some

CONFIRM, RUN = 'level = "confirm"', 'level = "notify"'


def rules_of(*rules: str) -> str:
    """Rules about payments, each of one line: what they say besides id and why."""
    heads = (f'[[rules]]\nid = "r{number}"\nwhy = "x"\n' for number in range(len(rules)))
    abouts = ("" if "match" in rule else "match = { tool = 'pay' }\n" for rule in rules)
    return "".join(f"{head}{about}{rule}\n" for head, about, rule in zip(heads, abouts, rules, strict=True))


def where(level: str, when: str, about: str = "") -> str:
    """A rule with this condition, about this."""
    return (f"match = {{ {about} }}\n" if about else "") + f"{level}\nwhen = {{ {when} }}"


def globbed(pattern: str) -> str:
    return f'match = {{ tool = {{ glob = "{pattern}" }} }}\n'


def checked(tmp_path: Path, text: str, known: Known | None = None) -> list[tuple[str, str, str]]:
    """Kind (a note in brackets), key path and problem of all that is found."""
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    found = check_file(file, known or Known()).found
    assert all(each.fault.source == str(file) and each.fault.line for each in found)
    return [(f"({each.kind})" if each.note else each.kind, each.fault.path, each.fault.problem) for each in found]


def kinds(tmp_path: Path, text: str, known: Known | None = None) -> list[tuple[str, str]]:
    return [(kind, path) for kind, path, _ in checked(tmp_path, text, known)]


# ── what can never hold ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("when", "path"),
    [
        ('{ all = [{ argument = "n", above = 500 }, { argument = "n", below = 100 }] }', "when"),
        ('{ all = [{ argument = "n", above = 5 }, { all = [{ argument = "n", at_most = 5 }] }] }', "when"),
        ('{ all = [{ argument = "n", equals = 5 }, { argument = "n", equals = 6 }] }', "when"),
        ('{ all = [{ argument = "n", one_of = [1, 2] }, { argument = "n", above = 2 }] }', "when"),
        ('{ all = [{ argument = "n", above = 2 }, { argument = "n", starts_with = "x" }] }', "when"),
        ('{ all = [{ argument = "n", type = "text" }, { argument = "n", has_item = 1 }] }', "when"),
        ('{ all = [{ argument = "n", exists = false }, { argument = "n", above = 2 }] }', "when"),
        ('{ all = [{ argument = "n", exists = false }, { argument = "n", exists = true }] }', "when"),
        ('{ all = [{ argument = "n", above = 2 }, { not = { argument = "n", above = 1 } }] }', "when"),
        ("{ all = [{ confidence = { at_least = 0.5 } }, { confidence = { below = 0.5 } }] }", "when"),
        ('{ rate = { within = "1h", below = 1 } }', "when"),
        ('{ budget = { argument = "n", within = "1h", below = 0 } }', "when"),
        (
            '{ all = [{ time = { from = "09:00", to = "12:00" } }, { time = { from = "13:00", to = "17:00" } }] }',
            "when",
        ),
        ('{ all = [{ time = { weekdays = ["mon"] } }, { time = { weekdays = ["tue"] } }] }', "when"),
        ('{ any = [{ argument = "a", above = 1 }, { rate = { within = "1h", below = 1 } }] }', "when.any[1]"),
        ('{ all = [{ argument = "a", above = 1 }, { rate = { within = "1h", below = 1 } }] }', "when"),
        ('{ not = { rate = { within = "1h", below = 1 } } }', "when.not"),
        (
            '{ all = [{ argument = "b", above = 1 }, { any = [{ all = [{ argument = "a", above = 1 }, '
            '{ argument = "a", below = 1 }] }, { argument = "c", above = 1 }] }] }',
            "when.all[1].any[0]",
        ),
        (
            '{ any = [{ all = [{ argument = "a", above = 1 }, { argument = "a", below = 1 }] }, '
            '{ rate = { within = "1h", below = 1 } }] }',
            "when",
        ),
    ],
)
def test_a_condition_that_can_never_hold(tmp_path: Path, when: str, path: str) -> None:
    assert kinds(tmp_path, rules_of(f"when = {when}\n{CONFIRM}")) == [("dead", f"rules[0].{path}")]


@pytest.mark.parametrize(
    "when",
    [
        '{ all = [{ argument = "n", above = 1 }, { argument = "n", at_most = 2 }] }',
        '{ all = [{ argument = "n", at_least = 2 }, { argument = "n", at_most = 2 }] }',
        '{ all = [{ argument = "n", one_of = [1, 3] }, { argument = "n", above = 2 }] }',
        '{ all = [{ argument = "n", exists = true }, { argument = "n", above = 2 }] }',
        '{ all = [{ argument = "n", starts_with = "a" }, { argument = "n", starts_with = "ab" }] }',
        '{ all = [{ argument = "n", length = { above = 1 } }, { argument = "n", has_item = "x" }] }',
        '{ all = [{ time = { from = "09:00", to = "12:00" } }, { time = { from = "11:00", to = "17:00" } }] }',
        '{ all = [{ time = { from = "22:00", to = "06:00" } }, { time = { from = "05:00", to = "07:00" } }] }',
        '{ all = [{ time = { from = "09:00", to = "10:00" } }, '
        '{ time = { from = "11:00", to = "12:00", zone = "Asia/Tokyo" } }] }',
        '{ all = [{ argument = "n", above = 2 }, { not = { argument = "n", above = 3 } }] }',
        '{ all = [{ argument = "n", equals = "x" }, { argument = "m", equals = "y" }] }',
        '{ any = [{ argument = "n", above = 500 }, { argument = "n", below = 100 }] }',
    ],
)
def test_a_condition_that_may_hold(tmp_path: Path, when: str) -> None:
    assert kinds(tmp_path, rules_of(f"when = {when}\n{CONFIRM}")) == []


def test_what_is_said_of_a_rule_that_is_dead(tmp_path: Path) -> None:
    when = '{ all = [{ argument = "n", above = 500 }, { argument = "n", below = 100 }] }'
    (found,) = checked(tmp_path, rules_of(CONFIRM + '\nwhen = { argument = "x", above = 1 }', f"when = {when}\n{RUN}"))
    said = "can never hold: argument 'n' would have to be more than 500 and less than 100"
    assert found == ("dead", "rules[1].when", said)


def test_a_rule_that_no_environment_has(tmp_path: Path) -> None:
    text = rules_of('match = { tool = "pay", environment = "test" }\n' + CONFIRM)
    assert kinds(tmp_path, text + '[environments.test]\nwithout = ["r0"]\n') == [("dead", "rules[0].match")]


# ── rules that another one always overrules ─────────────────────────────────────────────────────────────────

REVERSIBLE = "match = { tool = 'pay', reversible = true }\n"
SMALL = 'when = { argument = "n", at_most = 50 }\n'


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ((CONFIRM, SMALL + RUN), ("shadowed", "rules[1]")),
        # What is not known to be reversible asks at both, and the first one says whom.
        ((SMALL + RUN, CONFIRM), None),
        ((REVERSIBLE + SMALL + RUN, CONFIRM), ("shadowed", "rules[0]")),
        ((CONFIRM, SMALL + CONFIRM), ("shadowed", "rules[1]")),
        ((SMALL + CONFIRM, CONFIRM), None),
        (('effect = "deny"', SMALL + CONFIRM), ("shadowed", "rules[1]")),
        ((SMALL + 'effect = "deny"', SMALL + CONFIRM), ("contradictory", "rules[1]")),
        ((SMALL + RUN, SMALL + CONFIRM), None),
        ((REVERSIBLE + SMALL + RUN, REVERSIBLE + SMALL + CONFIRM), ("contradictory", "rules[0]")),
        ((SMALL + CONFIRM + '\ndeadline = "1h"', SMALL + CONFIRM), ("shadowed", "rules[1]")),
        ((RUN, SMALL + CONFIRM), None),
        # Of what is not known to be reversible, an exception keeps one rule apart from the other.
        ((RUN, SMALL + RUN + '\nallow_irreversible = "x"'), ("shadowed", "rules[1]")),
        ((RUN + '\nallow_irreversible = "x"', SMALL + RUN), None),
        (
            (RUN + '\nallow_irreversible = "x"', "match = { tool = 'pay', reversible = true }\n" + RUN),
            ("shadowed", "rules[1]"),
        ),
        (('match = { tool = { glob = "*" } }\n' + CONFIRM, RUN), ("shadowed", "rules[1]")),
        ((globbed("p*") + CONFIRM, globbed("pa*") + RUN), ("shadowed", "rules[1]")),
        ((globbed("p?*") + CONFIRM, globbed("pa*") + RUN), None),
        ((globbed("p?*") + CONFIRM, globbed("p?*") + RUN), ("contradictory", "rules[1]")),
        (('match = { tags = "a" }\n' + CONFIRM, "match = { tool = 'pay', tags = ['a', 'b'] }\n" + RUN), None),
        (("match = { tags = ['a', 'b'] }\n" + CONFIRM, "match = { tags = 'a' }\n" + RUN), ("shadowed", "rules[1]")),
        (("match = { tool = ['pay', 'x'] }\n" + CONFIRM, "match = { tool = ['pay', 'y'] }\n" + RUN), None),
        (("match = { agent = { glob = '*' } }\n" + CONFIRM, RUN), None),
        (("match = { tool = 'pay', environment = 'a' }\n" + CONFIRM, RUN), None),
        (("match = { tool = 'pay', reversible = true }\n" + CONFIRM, RUN), None),
        ((where(CONFIRM, "argument = 'n', exists = true"), SMALL + RUN), ("shadowed", "rules[1]")),
        ((where(CONFIRM, "argument = 'n', type = 'number'"), SMALL + RUN), ("shadowed", "rules[1]")),
        (
            (where(CONFIRM, "argument = 'n', one_of = [1, 2, 3]"), where(RUN, "argument = 'n', equals = 2")),
            ("shadowed", "rules[1]"),
        ),
        (
            (where(CONFIRM, "argument = 'n', above = 1"), where(RUN, "argument = 'n', equals = 2")),
            ("shadowed", "rules[1]"),
        ),
        ((where(CONFIRM, "argument = 'n', above = 1"), where(RUN, "argument = 'n', at_least = 1")), None),
        (
            (where(CONFIRM, "argument = 'n', ends_with = ['x', 'y']"), where(RUN, "argument = 'n', ends_with = 'ax'")),
            ("shadowed", "rules[1]"),
        ),
        ((where(CONFIRM, "argument = 'n', contains = 'x'"), where(RUN, "argument = 'n', contains = 'ax'")), None),
        (
            (where(CONFIRM, "not = { argument = 'n', above = 9 }"), where(RUN, "not = { argument = 'n', above = 5 }")),
            ("shadowed", "rules[1]"),
        ),
        (
            (
                where(CONFIRM, "any = [{ argument = 'n', above = 9 }, { argument = 'm', above = 9 }]"),
                where(RUN, "argument = 'm', above = 10"),
            ),
            ("shadowed", "rules[1]"),
        ),
        (
            (
                where(CONFIRM, "argument = 'n', above = 9"),
                where(RUN, "any = [{ argument = 'n', above = 11 }, { argument = 'n', equals = 10 }]"),
            ),
            ("shadowed", "rules[1]"),
        ),
        (
            (
                where(CONFIRM, "argument = 'n', above = 9"),
                where(RUN, "all = [{ argument = 'n', above = 11 }, { argument = 'm', equals = 10 }]"),
            ),
            ("shadowed", "rules[1]"),
        ),
        (
            (
                where(CONFIRM, "all = [{ argument = 'n', above = 9 }, { argument = 'm', above = 9 }]"),
                where(RUN, "argument = 'm', above = 10"),
            ),
            None,
        ),
        (
            (
                where(CONFIRM, "time = { from = '09:00', to = '17:00' }"),
                where(RUN, "time = { from = '10:00', to = '11:00', weekdays = ['mon'] }"),
            ),
            ("shadowed", "rules[1]"),
        ),
        (
            (
                where(CONFIRM, "time = { from = '09:00', to = '17:00' }"),
                where(RUN, "time = { from = '10:00', to = '18:00' }"),
            ),
            None,
        ),
        (
            (where(CONFIRM, "rate = { within = '1h', above = 9 }"), where(RUN, "rate = { within = '1h', above = 10 }")),
            ("shadowed", "rules[1]"),
        ),
        (
            (where(CONFIRM, "argument = 'n', above = 1"), where(RUN, "argument = 'n', above = 1, below = 5")),
            ("shadowed", "rules[1]"),
        ),
        ((where(CONFIRM, "argument = 'n', above = 1"), where(RUN, "argument = 'n', equals = 'x'")), None),
        # The same words, but each counts the actions of its own match.
        (
            (
                where(CONFIRM, "rate = { within = '1h', above = 9 }", "tool = { glob = '*' }"),
                where(RUN, "rate = { within = '1h', above = 9 }"),
            ),
            None,
        ),
        (
            (
                where(CONFIRM, "not = { all = [{ novel = { argument = 'n' } }] }", "tool = { glob = '*' }"),
                where(RUN, "not = { all = [{ novel = { argument = 'n' } }] }"),
            ),
            None,
        ),
        (
            (where(CONFIRM, "novel = { argument = 'n' }"), where(RUN, "novel = { argument = 'n' }")),
            ("contradictory", "rules[1]"),
        ),
    ],
)
def test_a_rule_beside_another(tmp_path: Path, rules: tuple[str, ...], found: tuple[str, str] | None) -> None:
    assert kinds(tmp_path, rules_of(*rules)) == ([] if found is None else [found])


def test_what_is_said_of_rules_that_never_decide(tmp_path: Path) -> None:
    found = checked(tmp_path, rules_of(CONFIRM, SMALL + RUN, SMALL + 'effect = "deny"', CONFIRM))
    doubt = "; where its condition cannot be checked it still asks"
    assert [said for _, _, said in found] == [
        f"never decides: 'r0' is about everything that it is about, and is stricter (confirm){doubt}",
        "never decides: 'r0' is about everything that it is about, and is as strict and stands before it",
    ]
    assert checked(tmp_path, rules_of(SMALL + RUN, SMALL + 'effect = "deny"'))[0][2] == (
        "contradicts 'r1': the same actions, notify here and deny there; 'r1' always wins"
    )


def test_overlays_and_included_files_have_places_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "shared.toml").write_text(rules_of(CONFIRM), encoding="utf-8")
    file = tmp_path / "policy.toml"
    file.write_text(
        'include = ["shared.toml"]\n[[environments.test.rules]]\nid = "t"\nwhy = "x"\nmatch = { tool = "pay" }\n' + RUN,
        encoding="utf-8",
    )
    (found,) = check_file(file).found
    assert (found.fault.path, found.fault.line, found.rule) == ("environments.test.rules[0]", 2, "t")
    file.write_text('include = ["shared.toml"]\n' + rules_of(CONFIRM).replace("r0", "main"), encoding="utf-8")
    (tmp_path / "shared.toml").write_text("\n" + rules_of(REVERSIBLE + SMALL + RUN), encoding="utf-8")
    (found,) = check_file(file).found
    assert (Path(found.fault.source).name, found.fault.line) == ("shared.toml", 2)
    assert str(found).endswith("shared.toml:2: rules[0]: " + found.fault.problem)


def test_a_text_is_checked_as_a_file_is(tmp_path: Path) -> None:
    text = rules_of(REVERSIBLE + SMALL + RUN)
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    by_file, by_text = check_file(file), check_text(text, name="sent")
    assert [(each.kind, each.rule, each.fault.line) for each in by_text.found] == [
        (each.kind, each.rule, each.fault.line) for each in by_file.found
    ]
    assert check_text("[[rules]]", name="sent").invalid
    assert check_text("no TOML", name="sent").unreadable


# ── the app ─────────────────────────────────────────────────────────────────────────────────────────────────

TOOLS = frozenset({"pay", "send_mail", "search"})


@pytest.mark.parametrize(
    ("tool", "found"),
    [
        ('"pay"', None),
        ('"undo:pay"', None),
        ('"pya"', "'pya' is not a known tool of the app; did you mean 'pay'?"),
        ('"undo:pya"', "'undo:pya' is not a known tool of the app; did you mean 'undo:pay'?"),
        ('["pay", "refund"]', "'refund' is not a known tool of the app; known: pay, search, send_mail"),
        ('{ glob = "send_*" }', None),
        ('{ glob = "undo:*" }', None),
    ],
)
def test_tools_that_the_app_has_not(tmp_path: Path, tool: str, found: str | None) -> None:
    got = checked(tmp_path, rules_of(f"match = {{ tool = {tool} }}\n{CONFIRM}"), Known(tools=TOOLS))
    assert got == ([] if found is None else [("unknown_tool", "rules[0].match.tool", found)])


def test_a_pattern_that_fits_no_tool_is_a_note(tmp_path: Path) -> None:
    text = rules_of(f"match = {{ tool = {{ glob = 'delete_*' }} }}\n{CONFIRM}")
    said = "'delete_*' fits no tool that the app has now"
    assert checked(tmp_path, text, Known(tools=TOOLS)) == [("(unknown_tool)", "rules[0].match.tool", said)]
    none = checked(tmp_path, rules_of(CONFIRM), Known(tools=frozenset()))
    assert none[0][2] == "'pay': the app has no tools"


@pytest.mark.parametrize(
    ("tool", "tools", "kind"),
    [
        ('"search"', TOOLS, "ungated"),
        ('["search", "pay"]', TOOLS, "ungated"),
        ('{ glob = "sea*" }', TOOLS, "ungated"),
        ('{ glob = "s*" }', TOOLS, "(ungated)"),
        ('{ glob = "sea*" }', None, "(ungated)"),
        ('["search", { glob = "s*" }]', TOOLS, "ungated"),
        ('"pay"', TOOLS, None),
    ],
)
def test_rules_that_the_framework_makes_useless(
    tmp_path: Path, tool: str, tools: frozenset[str] | None, kind: str | None
) -> None:
    known = Known(tools=tools, ungated={"search": "it is run by the provider"})
    found = checked(tmp_path, rules_of(f"match = {{ tool = {tool} }}\n{CONFIRM}"), known)
    said = "never fires for 'search', which no gate stands before: it is run by the provider"
    assert found == ([] if kind is None else [(kind, "rules[0].match.tool", said)])


def test_a_rule_about_every_tool_is_not_about_those_without_a_gate(tmp_path: Path) -> None:
    known = Known(tools=TOOLS, ungated={"search": "x"})
    assert kinds(tmp_path, rules_of(f"match = {{ tags = 'a' }}\n{CONFIRM}"), known) == []


# ── the people ──────────────────────────────────────────────────────────────────────────────────────────────

PEOPLE = {
    "ann": frozenset({"lead", "group:board"}),
    "bob": frozenset({"finance"}),
    "cyn": frozenset({"finance"}),
    "dan": frozenset(),
}


@pytest.mark.parametrize(
    ("approvers", "found"),
    [
        ('{ users = ["ann"], roles = ["finance", "group:board"] }', []),
        ('{ users = ["ann", "eve"] }', [("unknown_people", "does not know the user 'eve'"), ("(quorum)", "'ann'")]),
        ('{ roles = ["finance", "ceo"] }', [("unknown_people", "nobody in the directory has the role 'ceo'")]),
        ('{ roles = ["finance", "group:x"] }', [("unknown_people", "nobody in the directory has the group 'x'")]),
        ('{ roles = ["finance"], quorum = 2 }', [("(quorum)", "in a run that 'bob' or 'cyn' started: nobody")]),
        ('{ roles = ["finance"], quorum = 2, allow_self = true }', []),
        ('{ roles = ["finance"], quorum = 3 }', [("quorum", "needs 3 different people, and the directory has 2 who")]),
        ('{ roles = ["lead"] }', [("(quorum)", "in a run that 'ann' started")]),
        ("{ quorum = 4, allow_self = true }", []),
        ("{ quorum = 4 }", [("(quorum)", "in a run that 'ann' or 'bob' or 'cyn' or 'dan' started")]),
        ("{ quorum = 5 }", [("quorum", "needs 5 different people, and the directory has 4 who may")]),
        ('{ stages = [{ roles = ["finance"], quorum = 2 }, { users = ["bob"] }] }', [("quorum", "needs 3 different")]),
        ('{ stages = [{ roles = ["finance"] }, { users = ["bob"] }], allow_self = true }', []),
        (
            '{ stages = [{ users = ["bob", "cyn"] }, { roles = ["finance"] }, { users = ["bob", "ann"] }], '
            "allow_self = true }",
            [],
        ),
    ],
)
def test_approvers(tmp_path: Path, approvers: str, found: list[tuple[str, str]]) -> None:
    got = checked(tmp_path, rules_of(f"{CONFIRM}\napprovers = {approvers}"), Known(people=PEOPLE))
    assert [(kind, path) for kind, path, _ in got] == [(kind, "rules[0].approvers") for kind, _ in found]
    assert all(part in said for (_, part), (_, _, said) in zip(found, got, strict=True)), got


def test_the_approvers_of_the_defaults_and_those_of_an_escalation(tmp_path: Path) -> None:
    text = '[defaults]\ndeadline = "1d"\napprovers = { roles = ["ceo"] }\n' + rules_of(
        f'{CONFIRM}\napprovers = {{ roles = ["finance"], quorum = 3 }}\n'
        'escalate = [{ after = "1h", users = ["ann", "eve"] }]'
    )
    assert kinds(tmp_path, text, Known(people=PEOPLE)) == [
        ("unknown_people", "defaults.approvers"),
        ("quorum", "defaults.approvers"),
        ("(quorum)", "rules[0].approvers"),
        ("unknown_people", "rules[0].escalate"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ('{ roles = ["finance"] }', '{ roles = ["finance"] }', None),
        ('{ roles = ["finance"], quorum = 2 }', '{ roles = ["finance"] }', "quorum"),
        ('{ roles = ["finance"], quorum = 2 }', '{ roles = ["finance", "lead"] }', None),
        ('{ roles = ["finance"] }', '{ roles = ["finance"], quorum = 2 }', "quorum"),
    ],
)
def test_duties_that_are_kept_apart(tmp_path: Path, first: str, second: str, kind: str | None) -> None:
    apart = second.replace("}", ', allow_self = true, separate_from = ["invoice"] }')
    text = rules_of(
        f"match = {{ tool = 'invoice' }}\n{CONFIRM}\napprovers = {first.replace('}', ', allow_self = true }')}",
        f"{CONFIRM}\napprovers = {apart}",
    )
    found = [each for each in checked(tmp_path, text, Known(people=PEOPLE)) if "invoice" in each[2]]
    assert [each[:2] for each in found] == ([] if kind is None else [(kind, "rules[1].approvers")])


def test_duties_that_some_rule_makes_impossible_to_keep_apart(tmp_path: Path) -> None:
    asks = '{ roles = ["finance"], quorum = 2, allow_self = true }'
    text = rules_of(
        f"match = {{ tool = 'invoice' }}\n{SMALL}{CONFIRM}\napprovers = {{ users = ['dan'], allow_self = true }}",
        f"match = {{ tool = 'invoice' }}\n{CONFIRM}\napprovers = {asks}",
        f'{CONFIRM}\napprovers = {{ roles = ["finance"], allow_self = true, separate_from = ["invoice"] }}',
    )
    found = [each for each in checked(tmp_path, text, Known(people=PEOPLE)) if "for both" in each[2]]
    assert [each[:2] for each in found] == [("(quorum)", "rules[2].approvers")]


def test_a_directory_that_cannot_say_whom_it_has(tmp_path: Path) -> None:
    text = rules_of(f'{CONFIRM}\napprovers = {{ users = ["ann", "eve"], roles = ["ceo"], quorum = 9 }}')
    assert kinds(tmp_path, text, Known(missing=frozenset({"eve"}))) == [("unknown_people", "rules[0].approvers")]


# ── times, and what was not looked at ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[defaults]\ndeadline = "1d"\nescalate = [{ after = "2h", roles = ["a"] }]\n' + rules_of(CONFIRM), []),
        (
            '[defaults]\ndeadline = "1d"\nescalate = [{ after = "2h", roles = ["a"] }]\nremind = ["3h"]\n'
            + rules_of(f'{CONFIRM}\ndeadline = "2h"', 'match = { tool = "x" }\neffect = "deny"'),
            [
                ("rules[0].deadline", "remind after 3h never comes: the deadline is 2h"),
                ("rules[0].deadline", "escalate after 2h never comes: the deadline is 2h"),
            ],
        ),
        (
            rules_of(f'{CONFIRM}\nremind = ["3h"]') + '[environments.test.defaults]\ndeadline = "2h"\n',
            [("rules[0].remind", "remind after 3h never comes in 'test': the deadline is 2h")],
        ),
        (
            rules_of("match = { tool = 'pay', environment = 'live' }\n" + f'{CONFIRM}\nremind = ["3h"]')
            + '[environments.test.defaults]\ndeadline = "2h"\n',
            [],
        ),
        (
            rules_of(f'{CONFIRM}\nremind = ["3h"]')
            + '[environments.test]\nwithout = ["r0"]\n[environments.test.defaults]\ndeadline = "2h"\n',
            [],
        ),
    ],
)
def test_what_comes_too_late(tmp_path: Path, text: str, found: list[tuple[str, str]]) -> None:
    assert [(path, said) for kind, path, said in checked(tmp_path, text) if kind == "times"] == found


def test_what_was_not_looked_at_is_said(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(rules_of(CONFIRM), encoding="utf-8")
    alone = check_file(file)
    assert len(alone.not_looked_at) == 3
    everything = Known(frozenset({"pay"}), {}, PEOPLE)
    assert check_file(file, everything).not_looked_at == ()
    assert len(check_file(file, Known(frozenset({"pay"}), {}, None, frozenset())).not_looked_at) == 1
    assert (alone.faults, alone.notes, alone.invalid, alone.unreadable) == ((), (), False, False)


@pytest.mark.parametrize(
    ("text", "unreadable"), [("rules = 5", False), ("rules =", True), (None, True), ("[[rules]]\nid = 'x'", False)]
)
def test_a_file_that_cannot_be_loaded(tmp_path: Path, text: str | None, unreadable: bool) -> None:
    file = tmp_path / "policy.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    found = check_file(file)
    assert (found.invalid, found.unreadable, bool(found.faults)) == (True, unreadable, True)
    assert {each.kind for each in found.found} == {Kind.INVALID}


# ── whatever the rules ──────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=100, deadline=None)
@given(some.rule_lists(), some.defaults, st.lists(st.tuples(some.actions, some.facts), min_size=1, max_size=8))
def test_what_is_said_never_to_decide_never_does(
    rules: list[Rule], defaults: Defaults, scenes: list[tuple[Action, Facts]]
) -> None:
    never = {rules[each.rule].id for each in check(rules, defaults, {}) if _is_never(each) and each.rule is not None}
    policy = Policy(rules, defaults=defaults)
    for action, facts in scenes:
        ruling = policy.decide(action, facts=facts)
        assert ruling.rule not in never or "could not be checked" in ruling.why


def _is_never(remark: Remark) -> bool:
    return remark.kind in (Kind.SHADOWED, Kind.CONTRADICTORY) or (remark.kind is Kind.DEAD and remark.path == ("when",))


@settings(max_examples=150, deadline=None)
@given(some.conditions, some.conditions, some.actions, some.facts)
def test_what_follows_from_a_condition_does(one: Condition, other: Condition, action: Action, facts: Facts) -> None:
    for left, right in ((one, other), (one, one), (All((one, other)), one), (one, AnyOf((one, other)))):
        if implies(left, right, same_past=True) and _holds(left, action, facts):
            assert _holds(right, action, facts)
    for each in (one, All((one, other)), All((one, Not(one))), All((one, Not(other)))):
        assert not (contradiction(each) and _holds(each, action, facts))
    assert contradiction(All((one, Not(one))))


def test_what_cannot_be_checked_follows_from_nothing() -> None:
    """That `b` is not there does not make `not (b starts with x)` true: without `b` that cannot be checked."""
    absent, other = Not(argument("b", exists=True)), Not(argument("b", starts_with="x"))
    assert not implies(absent, other, same_past=True)
    assert not implies(absent, Not(argument("c", starts_with="x")), same_past=True)
    assert not implies(absent, Not(During(weekdays=(0,))), same_past=True)
    both = All((argument("b", exists=True), argument("c", exists=True)))
    assert implies(absent, Not(both), same_past=True)
    either = Not(AnyOf((absent, argument("c", exists=True))))
    assert implies(either, Not(absent), same_past=True)
    few, less = Not(argument("n", above=10)), Not(argument("n", above=20))
    assert implies(few, less, same_past=True)
    assert not implies(Not(argument("n", equals=1)), Not(argument("n", one_of=[1], above=0)), same_past=True)


def _holds(condition: Condition, action: Action, facts: Facts) -> bool:
    try:
        return compiled(condition)(action, facts)
    except Doubt:
        return False


@settings(max_examples=100, deadline=None)
@given(some.matches, some.matches, some.actions, some.facts)
def test_a_match_within_another_is_about_no_more(one: Match, other: Match, action: Action, facts: Facts) -> None:
    outside = replace(other, outside=("prod",))
    for inner, outer in ((one, other), (one, outside), (replace(one, environment=("test",)), outside)):
        if match_within(inner, outer) and _is_about(inner, action, facts):
            assert _is_about(outer, action, facts)
    assert match_within(one, Match())
    assert not match_within(Match(tool=(Glob("*"),)), Match(tool=("pay",)))


def _is_about(match: Match, action: Action, facts: Facts) -> bool:
    rule = Rule(id="r", why="x", match=match, effect="deny")
    return Policy([rule]).decide(action, facts=facts).denied if not match.anything else True
