"""One tree of errors: each has a code of its own, a built-in parent where there is a natural one, and travels."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from hitl_core import errors
from hitl_core.errors import (
    AdapterNotFound,
    AdapterNotInstalled,
    AlreadyDecided,
    CapabilityNotSupported,
    ConfigError,
    Fault,
    FaultyError,
    HitlError,
    NotAuthorised,
    NotCanonical,
    RequestNotFound,
    ResponseRefused,
    RunNotFound,
    StoreUnavailable,
)
from hitl_core.lifecycle import IllegalMove

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, HitlError)]
NAMED = [each for each in CLASSES if each not in (HitlError, FaultyError)]
FAULTS = (Fault("arguments.amount", "must be at most 500"), Fault("", "is late"))


def made(kind: type[HitlError]) -> HitlError:
    if kind is CapabilityNotSupported:
        return CapabilityNotSupported("plain", "drain", "no loop")
    return kind(FAULTS) if issubclass(kind, FaultyError) else kind("what, why, next")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind: type[HitlError]) -> None:
    before = made(kind)
    after = pickle.loads(pickle.dumps(before))  # noqa: S301
    assert (type(after), str(after), after.__dict__) == (type(before), str(before), before.__dict__)


def test_codes_are_unique() -> None:
    kinds: list[type[HitlError]] = [*NAMED, IllegalMove]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"HITL-[A-Z]\d\d", code) for code in codes)


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = re.findall(r"^\s*[│├└─ ]*([A-Z]\w+)(?: \((\w+)\))? +HITL-\w+", errors.__doc__ or "", re.MULTILINE)
    real = {
        kind.__name__: next((base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"), "")
        for kind in NAMED
    }
    assert dict(drawn) == real


def test_faults_are_listed_all_together() -> None:
    refused = ResponseRefused(FAULTS)
    assert refused.faults == FAULTS
    assert str(refused) == "response refused: arguments.amount: must be at most 500; is late"


def test_a_plain_text_is_one_fault() -> None:
    assert AlreadyDecided("ann was first").faults == (Fault("", "ann was first"),)


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (ConfigError, ValueError),
        (NotCanonical, ValueError),
        (AdapterNotFound, LookupError),
        (AdapterNotInstalled, ImportError),
        (CapabilityNotSupported, NotImplementedError),
        (ResponseRefused, ValueError),
        (RequestNotFound, LookupError),
        (NotAuthorised, PermissionError),
        (RunNotFound, LookupError),
        (StoreUnavailable, OSError),
    ],
)
def test_who_knows_only_python_can_still_catch_it(kind: type[HitlError], parent: type[Exception]) -> None:
    with pytest.raises(parent):
        raise made(kind)


def test_a_missing_capability_says_which_and_why() -> None:
    error = CapabilityNotSupported("plain", "drain", "there is no loop")
    assert (error.adapter, error.capability, error.because) == ("plain", "drain", "there is no loop")
    assert str(error) == "adapter 'plain' does not support 'drain': there is no loop"
