"""Routes: what they carry, and when a message goes out."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from hitl_core.channels.messages import Route
from hitl_core.protocol import Hours, Level
from tests.core import desk

OFFICE = Hours(name="office", zone="Europe/Berlin", opens=time(8), closes=time(18), weekdays=(0, 1, 2, 3, 4))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("route", "now", "due"),
    [
        (Route("mail", "apprise", "x"), "2026-01-05T09:00:07", "2026-01-05T09:00:07"),
        (Route("mail", "apprise", "x", hours=OFFICE), "2026-01-05T09:00", "2026-01-05T09:00"),
        (Route("mail", "apprise", "x", hours=OFFICE), "2026-01-05T21:00", "2026-01-06T07:00"),
        (Route("mail", "apprise", "x", hours=OFFICE), "2026-01-09T17:30", "2026-01-12T07:00"),
        (Route("mail", "apprise", "x", digest=timedelta(minutes=30)), "2026-01-05T09:00", "2026-01-05T09:30"),
        (Route("mail", "apprise", "x", digest=timedelta(minutes=30)), "2026-01-05T09:29:59", "2026-01-05T09:30"),
        (
            Route("mail", "apprise", "x", hours=OFFICE, digest=timedelta(hours=1)),
            "2026-01-05T16:20",
            "2026-01-06T07:00",
        ),
    ],
)
def test_a_message_waits_for_its_digest_and_for_the_morning(route: Route, now: str, due: str) -> None:
    assert route.due(at(now)) == at(due)


def test_a_route_carries_its_levels() -> None:
    request = desk.request()
    assert Route("mail", "apprise", "x").carries(request)
    assert Route("mail", "apprise", "x", levels=(request.level,)).carries(request)
    others = tuple(level for level in Level if level is not request.level)
    assert not Route("mail", "apprise", "x", levels=others).carries(request)


def test_each_person_has_a_message_where_the_route_has_a_place_for_their_address() -> None:
    assert Route("mail", "apprise", "mailto://example.com?to={address}").personal
    assert not Route("mail", "slack", "#approvals").personal
