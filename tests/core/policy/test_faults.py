"""What is refused: every fault at once, each with its line and key path, from the table in `faults.toml`."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hitl_core.errors import ConfigError, PolicyInvalid
from hitl_core.policy import Policy, PolicyFault

TABLE = tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))
RULE = '[[rules]]\nid = "a"\nwhy = "a"\nlevel = "confirm"\nmatch = { tool = "x" }\n'


def refused(text: str) -> PolicyInvalid:
    with pytest.raises(PolicyInvalid) as caught:
        Policy.from_toml(text, name="policy.toml")
    return caught.value


@pytest.mark.parametrize("entry", TABLE["refused"], ids=lambda entry: entry["faults"][0][:60])
def test_a_refusal(entry: dict[str, Any]) -> None:
    faults = [str(fault) for fault in refused(entry["text"]).faults]
    assert sorted(faults) == sorted(entry["faults"])


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('version = "1"\nrules = [', 2, "is not TOML: Invalid value"),
        ('version = "1"\nversion = "2"\n', 2, "is not TOML: Cannot overwrite a value"),
        ("\n\nlevel confirm\n", 3, "is not TOML: Expected '=' after a key in a key/value pair"),
        ("[[rules]]\n[rules]\n", 2, "is not TOML: Cannot declare"),
        ('when = { a = 1,\n b = 2 }\nx = """', 1, "is not TOML"),
    ],
)
def test_a_syntax_error_says_its_line(text: str, line: int, problem: str) -> None:
    (fault,) = refused(text).faults
    assert isinstance(fault, PolicyFault)
    assert fault.line == line or problem == "is not TOML"
    assert problem in fault.problem
    assert "(at " not in fault.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = " + "9" * 5_000, "has a number that is too large"),
        ("a = 1e99999999999999999999", "has a number that is too large"),
        ("a = " + "[" * 20_000, "is nested too deeply"),
        ("#" * 4_000_001, "is larger than 4,000,000 characters"),
        ('a = "\ud800"', "has a lone surrogate"),
    ],
)
def test_a_text_that_cannot_be_read(text: str, problem: str) -> None:
    (fault,) = refused(text).faults
    assert str(fault) == f"policy.toml: {problem}"


def test_deep_conditions_are_refused() -> None:
    deep = "{ not = " * 20 + '{ argument = "a", equals = 1 }' + " }" * 20
    assert "is nested deeper than 16 levels" in str(refused(f"{RULE}when = {deep}\n"))
    deep = "{ every = " * 20 + "{ equals = 1 }" + " }" * 20
    text = f'{RULE}when = {{ argument = "a", every = {deep} }}\n'
    assert "is nested deeper than 16 levels" in str(refused(text))


def test_long_patterns_are_refused() -> None:
    long = "a" * 513
    assert "has 513 characters" in str(refused(f'{RULE}when = {{ argument = "a", finds = "{long}" }}'))
    huge = "(?:a{1000}){1000}"
    assert "exceeds size limit" in str(refused(f'{RULE}when = {{ argument = "a", finds = "{huge}" }}'))


def test_long_texts_are_refused() -> None:
    text = RULE.replace('why = "a"', f'why = "{"a" * 4_001}"')
    assert "has 4,001 characters; the limit is 4,000" in str(refused(text))
    text = RULE.replace('"x"', f'"{"x" * 257}"')
    assert "a name has 1 to 256 characters" in str(refused(text))


def test_the_error_is_a_config_error_that_says_everything_and_travels() -> None:
    error = refused(RULE + 'veto = "5m"\n' + RULE)
    assert isinstance(error, ConfigError)
    assert str(error).startswith("policy refused: policy.toml:6: rules[0].veto: needs level")
    assert "; policy.toml:8: rules[1].id: 'a' is the id of rules[0] already" in str(error)
    assert copy.copy(error).faults == error.faults


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        Policy.from_file(tmp_path / "policy.toml")
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        Policy.from_file("with\0nul")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b'version = "1"\n# \xff\n')
    with pytest.raises(PolicyInvalid) as caught:
        Policy.from_file(path)
    assert str(caught.value.faults[0]) == f"{path}:2: is not UTF-8 text"


def test_a_file_with_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RULE.replace("\n", "\r\n").encode())
    assert [rule.id for rule in Policy.from_file(path).rules] == ["a"]
    path.write_bytes(path.read_bytes() + b'veto = "5m"\r\n')
    with pytest.raises(PolicyInvalid, match=r":6: rules\[0\]\.veto"):
        Policy.from_file(path)
