"""What is raised is logged by its kind and its place; its words stay where they are protected."""

from __future__ import annotations

import logging
import traceback

import pytest

from hitl_core.errors import ConfigError, Fault, LeaseLost, Stopped, StoreUnavailable
from hitl_core.logs import LOGGERS, WITHOUT_WORDS, WithoutWords, named, said_of, tell_all

SECRET = "canary-4929-1111"
log = named("hitl_core")


def charge() -> None:
    try:
        raise ValueError(f"the card {SECRET} is refused")
    except ValueError as exc:
        raise RuntimeError(f"no money from {SECRET}") from exc


def failed() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        charge()
    return caught.value


@pytest.mark.parametrize("name", LOGGERS)
def test_every_logger_of_ours_leaves_words_out_before_any_handler_sees_a_record(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = failed()
    with caplog.at_level(logging.DEBUG, name):
        logging.getLogger(name).error("run %s: %s", "run-1", error, exc_info=error)
    (record,) = caplog.records
    assert record.getMessage() == "run run-1: RuntimeError"
    assert record.exc_info
    whole = "".join(traceback.format_exception(record.exc_info[1]))
    assert SECRET not in caplog.text + whole
    assert whole.count("(what it says is not logged)") == 2, "the error and its cause"
    assert "in charge" in whole, "the place is what helps"


def test_an_error_that_was_raised_while_another_was_handled_leads_to_it_too() -> None:
    def stumble() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError:
            raise TypeError(SECRET)  # noqa: B904

    with pytest.raises(TypeError) as caught:
        stumble()
    record = log.makeRecord("x", logging.ERROR, "", 0, "broke", (), (TypeError, caught.value, None))
    WITHOUT_WORDS.filter(record)
    assert record.exc_info
    stand_in = record.exc_info[1]
    assert stand_in is not None
    assert [type(each).__name__ for each in (stand_in, stand_in.__cause__)] == ["TypeError", "KeyError"]
    once_more = record.exc_info
    WithoutWords().filter(record)
    assert record.exc_info == once_more, "a handler may leave out what the logger does"


def test_a_chain_without_an_end_is_cut() -> None:
    deep: BaseException = ValueError("0")
    for number in range(20):
        above = ValueError(str(number))
        above.__cause__ = deep
        deep = above
    record = log.makeRecord("x", logging.ERROR, "", 0, "broke", (), (ValueError, deep, None))
    WITHOUT_WORDS.filter(record)
    found, length = record.exc_info and record.exc_info[1], 0
    while found is not None:
        found, length = found.__cause__, length + 1
    assert length == 9


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreUnavailable("the store is away"), "the store is away"),
        (LeaseLost("run 'r' is no longer held"), "run 'r' is no longer held"),
        (ConfigError([Fault("store.url", "is empty")]), "configuration refused: store.url: is empty"),
        (Stopped(f"ann stopped it ({SECRET})"), "HITL-E02 Stopped"),
        (ValueError(SECRET), "ValueError"),
    ],
)
def test_our_own_words_are_said_and_those_of_others_are_not(error: Exception, said: str) -> None:
    assert said_of(error) == said


def test_what_is_no_error_is_said_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "hitl_core"):
        log.info("%(what)s", {"what": "a mapping"})
        log.info("run %s is %s", "run-1", "paused", exc_info=False)
        log.info("nothing to fill in")
    assert [record.getMessage() for record in caplog.records] == [
        "a mapping",
        "run run-1 is paused",
        "nothing to fill in",
    ]


def test_whoever_looks_for_a_mistake_of_their_own_can_have_it_all(caplog: pytest.LogCaptureFixture) -> None:
    tell_all()
    try:
        log.error("broke: %s", failed())
    finally:
        tell_all(False)
    assert SECRET in caplog.text


def test_there_is_no_logger_that_is_not_in_the_list() -> None:
    with pytest.raises(KeyError):
        named("hitl_core.elsewhere")
