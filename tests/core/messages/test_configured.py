"""`[messages.NAME]` of hitl.toml: every fault is told at once; what does not belong into a file comes from outside."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from hitl_core.channels.messages import Route
from hitl_core.config import Config
from hitl_core.errors import ConfigError
from hitl_core.protocol import Hours, Level


def load(folder: Path, text: str) -> Config:
    file = folder / "hitl.toml"
    file.write_text('[backend]\nname = "plain"\napp = "desk:app"\n' + text, encoding="utf-8")
    return Config.load(file)


def test_a_route_has_all_that_is_said_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_URL", "mailto://example.com?to={address}")
    config = load(
        tmp_path,
        """
[messages.mail]
kind = "apprise"
to = "env:MAIL_URL"
roles = ["lead"]
levels = ["confirm", "human_leads"]
digest = "30m"
link = "2h"
decide = false
hours = { zone = "Europe/Berlin", opens = 08:00:00, closes = 18:00:00, days = ["fri", "mon"] }

[messages.hook]
kind = "webhook"
to = "https://example.com/hitl"
secret = "whsec_x"
speaks_for = ["ann"]
""",
    )
    mail, hook = config.messages
    assert mail == Route(
        "mail",
        "apprise",
        "mailto://example.com?to={address}",
        roles=("lead",),
        levels=(Level.CONFIRM, Level.HUMAN_LEADS),
        hours=Hours(name="mail", zone="Europe/Berlin", opens=time(8), closes=time(18), weekdays=(0, 4)),
        digest=timedelta(minutes=30),
        link=timedelta(hours=2),
        decide=False,
    )
    assert hook == Route("hook", "webhook", "https://example.com/hitl", secret="whsec_x", speaks_for=("ann",))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(
            tmp_path,
            """
[messages]
plain = 1

[messages.mail]
kind = "pigeon"
too = "x"
hours = { zone = "Berlin", opens = 08:00:00, days = ["someday"], until = 1 }

[messages.pager]
kind = "slack"
to = "env:NOT_SET_ANYWHERE"
digest = "soon"
levels = ["high"]
speaks_for = ["ann"]
""",
        )
    told = {fault.path.removeprefix("hitl.toml: "): fault.problem for fault in refused.value.faults}
    assert told.keys() == {
        "messages.plain",
        "messages.plain.kind",
        "messages.plain.to",
        "messages.mail.kind",
        "messages.mail.to",
        "messages.mail.too",
        "messages.mail.hours",
        "messages.mail.hours.zone",
        "messages.mail.hours.days",
        "messages.mail.hours.until",
        "messages.pager.to",
        "messages.pager.digest",
        "messages.pager.levels",
        "messages.pager.speaks_for",
    }
    assert "did you mean 'to'?" in told["messages.mail.too"]
    assert "'NOT_SET_ANYWHERE' is not set" in told["messages.pager.to"]


def test_people_have_addresses(tmp_path: Path) -> None:
    from hitl_core.people import PeopleFile

    path = tmp_path / "people.toml"
    path.write_text('[people.ann]\naddresses = { mail = "ann@example.com" }\n', encoding="utf-8")
    assert PeopleFile(path)._people["ann"].addresses == {"mail": "ann@example.com"}
    path.write_text('[people.ann]\naddresses = { mail = "" }\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="addresses: must be a table of texts"):
        PeopleFile(path)
