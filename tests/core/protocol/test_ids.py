"""Identifiers and instants."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from hitl_core.protocol import instant, micros, new_id
from hitl_core.testing.clock import START

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1900, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = UUID(new_id(START))
    assert (made.version, made.variant) == (7, RFC_4122)


def test_an_id_says_when_it_was_made() -> None:
    late = datetime(2099, 1, 1, tzinfo=UTC)  # later than any other id of this process, which never go back
    assert UUID(new_id(late)).int >> 80 == late.timestamp() * 1000


def test_ids_of_one_millisecond_are_in_order() -> None:
    made = [new_id(START) for _ in range(10_000)]
    assert made == sorted(set(made))


def test_ids_stay_in_order_if_the_clock_goes_back() -> None:
    before = new_id(START)
    assert new_id(START - timedelta(hours=1)) > before


def test_ids_of_several_threads_differ() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id(START), range(4_000)))
    assert len(set(made)) == len(made)


@given(moments)
def test_an_instant_comes_back_exactly(moment: datetime) -> None:
    assert instant(micros(moment)) == moment


@given(st.integers(-2_000_000_000_000_000, 253_000_000_000_000_000))
def test_microseconds_come_back_exactly(value: int) -> None:
    assert micros(instant(value)) == value


def test_instants_are_read_in_utc() -> None:
    assert instant(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert instant(0).utcoffset() == timedelta(0)
