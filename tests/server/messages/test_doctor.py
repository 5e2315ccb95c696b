"""`hitl doctor` says what is wrong with each way by which people are to be told, and sends nothing."""

from __future__ import annotations

from tests.cli.shop import Shop

ROUTES = """
[messages.team]
kind = "slack"
to = "#desk"
[messages.mail]
kind = "apprise"
to = "carrier-pigeon://x"
[messages.hook]
kind = "webhook"
to = "https://example.com/hitl"
secret = "short"
"""


def test_each_way_by_which_nobody_could_be_told_is_named(shop: Shop) -> None:
    shop.config.write_text(shop.config.read_text() + ROUTES)
    looked = shop.hitl("doctor", "--json")
    assert (looked.code, looked.json["config"]["messages"]) == (1, ["team", "mail", "hook"])
    assert [problem.split(":")[0] for problem in looked.json["problems"]] == [
        "messages.team.token",
        "messages.team.secret",
        "messages.mail.to",
        "messages.hook.secret",
    ]
