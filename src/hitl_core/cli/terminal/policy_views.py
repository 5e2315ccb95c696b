"""What the tools for the policy file show, as JSON and for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ...policy import Backtested, Came, Change, Changed, Checked, Explanation, Fate, Found, Looked, Tried, Weighed
from ...policy.rules import written
from ...protocol import Json, Level, Ruling
from ...quorum import in_turn
from .render import grid_of_facts, shown, table_of

_SHORT_VERSION = 19
_TRUTHS = {True: ("holds", "green"), False: ("does not hold", "dim"), None: ("cannot be told", "yellow")}


# ── explain ─────────────────────────────────────────────────────────────────────────────────────────────────


def explanation_view(found: Explanation) -> dict[str, Json]:
    return {
        "level": level_of(found.ruling),
        "rule": found.ruling.rule,
        "ruling": found.ruling.model_dump(mode="json"),
        "rules": [_weighed_view(each) for each in found.rules],
        "nearest": None if found.nearest is None else _change_view(found.nearest),
        "changes": [_change_view(each) for each in found.changes],
        "untried": list(found.untried),
    }


def level_of(ruling: Ruling) -> str:
    """The level of a ruling, or `deny`."""
    return "deny" if ruling.denied else ruling.level.value


def _weighed_view(rule: Weighed) -> dict[str, Json]:
    return {
        "rule": rule.rule,
        "fate": rule.fate.value,
        "nearly": rule.nearly,
        "because": rule.because,
        "level": _level(rule.level, denies=rule.denies),
        "doubt": rule.doubt,
        "conditions": [_looked_view(each) for each in rule.conditions],
    }


def _level(level: Level | None, *, denies: bool) -> str | None:
    return "deny" if denies else level and level.value


def _looked_view(looked: Looked) -> dict[str, Json]:
    return {
        "says": looked.says,
        "value": looked.value,
        "there": looked.there,
        "holds": looked.holds,
        "doubt": looked.doubt,
    }


def _change_view(change: Change) -> dict[str, Json]:
    return {
        "what": change.what,
        "value": change.value,
        "there": change.there,
        "to": change.to,
        "stays": change.stays,
        "distance": change.distance,
        "level": level_of(change.ruling),
        "rule": change.ruling.rule,
        "edge": {"rule": change.rule, "condition": change.condition},
    }


def explanation_shown(found: Explanation) -> Iterator[RenderableType]:
    ruling = found.ruling
    yield Text.assemble(
        (level_of(ruling), "bold"), " by ", shown(ruling.rule, "bold"), f", version {ruling.version[:19]}"
    )
    yield _ruling_facts(ruling)
    for title, fates in (("decided", (Fate.WON,)), ("also about it", (Fate.OUTRANKED, Fate.CONDITION_FALSE))):
        rules = [each for each in found.rules if each.fate in fates]
        if rules:
            yield Text(title, "bold")
            yield _rules(rules)
    others = sum(each.fate is Fate.NOT_ABOUT for each in found.rules)
    yield Text(f"{others} rules are about other actions", "dim")
    yield Text("what would alter the level", "bold")
    yield from (_change_shown(each) for each in found.changes)
    if not found.changes:
        yield Text("  none by one value")
    yield from (shown(f"  not tried: {each}", "yellow") for each in found.untried)


def _ruling_facts(ruling: Ruling) -> Table:
    grid = grid_of_facts()
    grid.add_row("why", shown(ruling.why))
    if ruling.asks and not ruling.denied:
        stages = in_turn(ruling.approvers.in_order)
        grid.add_row("approvers", shown(stages))
    if ruling.deadline_seconds is not None:
        counted = "" if ruling.hours is None else f" of the hours {ruling.hours.name!r}"
        grid.add_row("deadline", Text(f"{_time(ruling.deadline_seconds)}{counted}, then {ruling.on_timeout}"))
    if ruling.veto_seconds is not None:
        grid.add_row("veto", Text(_time(ruling.veto_seconds)))
    return grid


def _time(seconds: float) -> str:
    return written(timedelta(seconds=seconds))


def _rules(rules: list[Weighed]) -> Table:
    table = table_of("rule", "level", "", "value")
    for rule in rules:
        level = _level(rule.level, denies=rule.denies) or ""
        close = " (nearly)" if rule.nearly else ""
        table.add_row(shown(rule.rule, "bold"), Text(level), shown(rule.because + close), "")
        for looked in rule.conditions:
            said, style = _TRUTHS[looked.holds]
            value = json.dumps(looked.value, ensure_ascii=False) if looked.there else "not there"
            table.add_row("", Text(said, style), shown(looked.says), shown(value))
    return table


def _change_shown(change: Change) -> Text:
    now = json.dumps(change.value, ensure_ascii=False) if change.there else "not there"
    to = json.dumps(change.to, ensure_ascii=False) if change.stays else "taken away"
    then = f"{level_of(change.ruling)} by {change.ruling.rule}"
    return shown(f"  {change.what}: {now} → {to}: {then} (at the edge of {change.rule}: {change.condition})")


# ── check ───────────────────────────────────────────────────────────────────────────────────────────────────


def check_view(found: Checked) -> dict[str, Json]:
    return {
        "ok": not found.faults,
        "readable": not found.unreadable,
        "faults": [_found_view(each) for each in found.faults],
        "notes": [_found_view(each) for each in found.notes],
        "not_looked_at": list(found.not_looked_at),
    }


def _found_view(found: Found) -> dict[str, Json]:
    fault = found.fault
    return {
        "kind": found.kind.value,
        "file": fault.source,
        "line": fault.line,
        "path": fault.path,
        "rule": found.rule,
        "problem": fault.problem,
    }


def check_shown(found: Checked) -> Iterator[RenderableType]:
    for each in found.found:
        level = ("note  ", "dim") if each.note else ("fault ", "bold red")
        yield Text.assemble(level, shown(str(each)))
    yield from (shown(f"not looked at: {each}", "yellow") for each in found.not_looked_at)
    faults, notes = len(found.faults), len(found.notes)
    yield Text(f"{faults} faults, {notes} notes", "bold red" if faults else "green")


# ── test ────────────────────────────────────────────────────────────────────────────────────────────────────


def cases_view(tried: tuple[Tried, ...]) -> dict[str, Json]:
    return {
        "ok": all(each.passed for each in tried),
        "passed": sum(each.passed for each in tried),
        "failed": sum(not each.passed for each in tried),
        "cases": [
            {
                "name": each.case.name,
                "file": each.source,
                "line": each.line,
                "passed": each.passed,
                "faults": list(each.faults),
                "level": level_of(each.explanation.ruling),
                "rule": each.explanation.ruling.rule,
            }
            for each in tried
        ],
    }


def cases_shown(tried: tuple[Tried, ...]) -> Iterator[RenderableType]:
    table = table_of("", "case", "level", "rule", "")
    for each in tried:
        said = Text("pass", "green") if each.passed else Text("FAIL", "bold red")
        ruling, where = each.explanation.ruling, "" if each.passed else f" (line {each.line})"
        name = shown(each.case.name + where)
        table.add_row(said, name, level_of(ruling), shown(ruling.rule), shown("; ".join(each.faults)))
    yield table
    failed = sum(not each.passed for each in tried)
    yield Text(f"{len(tried) - failed} passed, {failed} failed", "bold red" if failed else "green")


# ── backtest ────────────────────────────────────────────────────────────────────────────────────────────────


def backtest_view(found: Backtested) -> dict[str, Json]:
    return {
        "actions": found.actions,
        "first": None if found.first is None else found.first.isoformat(),
        "last": None if found.last is None else found.last.isoformat(),
        "before": {came.value: count for came, count in found.before.items()},
        "after": {came.value: count for came, count in found.after.items()},
        "changed": found.changed,
        "cannot_be_told": dict(found.untold),
        "rules": [
            {
                "rule": group.rule,
                "changed": group.count,
                "actions": [_changed_view(each) for each in group.listed],
                "rest": group.rest,
            }
            for group in found.groups
        ],
    }


def _changed_view(each: Changed) -> dict[str, Json]:
    return {
        "at": each.at.isoformat(),
        "run": each.run,
        "call": each.call,
        "request": each.request,
        "tool": each.tool,
        "before": {"came": each.before.value, "level": each.level_before, "rule": each.rule_before},
        "after": {"came": each.after.value, "level": each.level.value},
    }


def backtest_shown(found: Backtested) -> Iterator[RenderableType]:
    table = table_of("", "was", "would be")
    for came in Came:
        if came in found.before or came in found.after:
            counts = (str(each.get(came, 0)) for each in (found.before, found.after))
            table.add_row(_came(came), *counts)
    yield Text(f"{found.actions} recorded actions, {found.changed} of them with another fate", "bold")
    yield table
    for why, count in found.untold.items():
        yield shown(f"cannot be told for {count}: {why}", "yellow")
    for group in found.groups:
        yield shown(f"{group.rule}: {group.count}", "bold")
        yield from (_changed_shown(each) for each in group.listed)
        if group.rest:
            yield Text(f"  and {group.rest} more", "dim")


def _came(came: Came) -> str:
    return came.value.replace("_", " ")


def _changed_shown(each: Changed) -> Text:
    after = _came(each.after) if each.after is Came.REFUSED else f"{_came(each.after)} ({each.level})"
    before = _came(each.before) if each.level_before is None else f"{_came(each.before)} ({each.level_before})"
    at = each.at.isoformat(timespec="seconds")
    return shown(f"  {at}  run {each.run}  {each.call}: {before} → {after}")
