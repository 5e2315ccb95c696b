"""How often somebody may come, by person and by address, and that nobody fills the memory with addresses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.config import Proxy, Serving
from hitl_core.server.middleware.client_addresses import ClientAddresses
from hitl_core.server.middleware.rate_limits import Rate
from tests.server.middleware.asking import Asking, ann, asking
from tests.server.site import somebody

URL = "http://inbox.test"
FEW = Serving(url=URL, calls_a_minute=3, sign_ins_a_minute=2, forwarded=("10.0.0.0/24",))


async def statuses(ask: Asking, method: str, path: str, times: int, **more: str) -> list[int]:
    return [(await ask(method, path, headers=more)).status_code for _ in range(times)]


async def test_a_person_may_come_so_often_a_minute(tmp_path: Path) -> None:
    async with asking(tmp_path, FEW, come=ann()) as ask:
        assert await statuses(ask, "GET", "/told", 4) == [200, 200, 200, 429]
        ask.door.now = somebody("bob")
        assert await statuses(ask, "GET", "/told", 1) == [200], "each of them for themselves"
        ask.door.now = ann()
        last = await ask("GET", "/told")
        assert (last.status_code, last.headers["retry-after"]) == (429, "20")
        ask.clock.advance(20)
        assert await statuses(ask, "GET", "/told", 2) == [200, 429]
        assert len(ask.came) == 5


async def test_an_address_may_come_ten_times_as_often_whoever_it_says_it_is(tmp_path: Path) -> None:
    async with asking(tmp_path, FEW) as ask:
        found = await statuses(ask, "GET", "/told", 31)
        assert (found[:30], found[30]) == ([200] * 30, 429)
        ask.clock.advance(60)
        assert await statuses(ask, "GET", "/told", 1) == [200]


async def test_to_sign_in_is_tried_less_often(tmp_path: Path) -> None:
    async with asking(tmp_path, FEW) as ask:
        assert await statuses(ask, "POST", "/login/guess", 3) == [403, 403, 429]
        assert await statuses(ask, "GET", "/login", 3) == [200, 200, 200], "to look is not to sign in"
        assert await statuses(ask, "GET", "/login/oidc/back", 1) == [429], "to come back from a provider is"
        assert await statuses(ask, "POST", "/told", 1) == [200]


async def test_where_a_proxy_says_who_people_are_to_look_is_to_sign_in(tmp_path: Path) -> None:
    """Each look begins a session there. The proxy's own address is nobody's."""
    behind = replace(FEW, proxy=Proxy(("10.0.0.7",)))
    async with asking(tmp_path, behind, peer="10.0.0.7") as ask:
        one, other = {"x-forwarded-for": "198.51.100.1"}, {"x-forwarded-for": "198.51.100.2"}
        assert await statuses(ask, "GET", "/login", 3, **one) == [200, 200, 429]
        assert await statuses(ask, "GET", "/login", 1, **other) == [200]


async def test_to_be_sent_to_a_provider_is_counted(tmp_path: Path) -> None:
    async with asking(tmp_path, FEW) as ask:
        assert await statuses(ask, "GET", "/login/oidc", 3) == [404, 404, 429]
        assert await statuses(ask, "GET", "/login/oidc/back", 3) == [404, 404, 429], "and to come back by itself"


@pytest.mark.parametrize("path", ["/login/guess", "/l/guess"])
async def test_links_are_not_looked_for_one_after_another(tmp_path: Path, path: str) -> None:
    async with asking(tmp_path, replace(FEW, calls_a_minute=1_000)) as ask:
        found = await statuses(ask, "GET", path, 21)
        assert (set(found[:20]), found[20]) == ({404}, 429)


async def test_who_says_each_time_that_they_come_from_elsewhere_is_counted_as_one(tmp_path: Path) -> None:
    """As proxies do, this one adds the address that it sees to what the client has sent."""
    async with asking(tmp_path, FEW, peer="10.0.0.7") as ask:
        found = []
        for number in range(3):
            for forged in (f"203.0.113.{number}", "10.0.0.7", "127.0.0.1, 10.0.0.7", "unknown", ""):
                said = {"x-forwarded-for": f"{forged}, 198.51.100.9", "x-real-ip": f"203.0.113.{number}"}
                found.append((await ask("POST", "/login/guess", headers=said)).status_code)
        assert found == [403, 403, *[429] * 13]


async def test_probes_and_style_are_not_counted(tmp_path: Path) -> None:
    async with asking(tmp_path, FEW) as ask:
        assert 429 not in await statuses(ask, "GET", "/static/x/hitl.css", 40)
        assert 429 not in await statuses(ask, "GET", "/healthz", 40)


async def test_without_a_number_they_come_as_they_like(tmp_path: Path) -> None:
    async with asking(tmp_path, Serving(url=URL, calls_a_minute=0, sign_ins_a_minute=0), come=ann()) as ask:
        assert set(await statuses(ask, "GET", "/told", 700)) == {200}


async def test_what_a_stranger_says_of_their_address_does_not_count(tmp_path: Path) -> None:
    async with asking(tmp_path, FEW, peer="192.0.2.9") as ask:
        found = await from_each(ask, 31)
        assert found[30] == 429


async def test_behind_a_proxy_each_address_counts_for_itself(tmp_path: Path) -> None:
    async with asking(tmp_path, FEW, peer="10.0.0.7") as ask:
        found = await from_each(ask, 31)
        assert set(found) == {200}


async def from_each(ask: Asking, addresses: int) -> list[int]:
    """What so many addresses are answered, as a proxy would say where they come from."""
    said = [{"x-forwarded-for": f"198.51.100.{number}"} for number in range(addresses)]
    return [(await ask("GET", "/told", headers=each)).status_code for each in said]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["1.1.1.1", "198.51.100.1, 10.0.0.8"], "198.51.100.1"),
        ("10.0.0.7", ["10.0.0.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["127.0.0.1, 198.51.100.1, 10.0.0.9"], "198.51.100.1"),
        ("10.0.0.7", ["nonsense"], "10.0.0.7"),
        ("10.0.0.7", ["198.51.100.1, nonsense"], "10.0.0.7"),
        ("10.0.0.7", [""], "10.0.0.7"),
        ("::ffff:10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        ("172.16.0.1", ["[2001:db8:1:2::5]:443"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::5", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", [], "2001:db8:1:2::/64"),
        ("a unix socket", ["198.51.100.1"], "unknown"),
    ],
)
def test_where_somebody_comes_from(peer: str, forwarded: list[str], expected: str) -> None:
    addresses = ClientAddresses(Serving(forwarded=("10.0.0.0/24",), proxy=Proxy(("172.16.0.1",))))
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    assert addresses.of({"client": (peer, 1), "headers": headers}) == expected


def test_who_has_not_come_for_longest_is_forgotten_first() -> None:
    rate = Rate(1, kept=2)
    assert [rate.take(key, 0.0) for key in ("a", "b", "c")] == [0.0, 0.0, 0.0]
    assert rate.take("c", 1.0) > 0
    assert rate.take("b", 1.0) > 0
    assert rate.take("a", 1.0) == 0.0


def test_a_clock_that_goes_back_shuts_nobody_out() -> None:
    rate = Rate(2)
    assert [rate.take("a", 10_000.0) for _ in range(2)] == [0.0, 0.0]
    assert 0 < rate.take("a", 0.0) <= 60


@given(st.integers(1, 50), st.lists(st.floats(0, 5, allow_nan=False), max_size=200))
def test_in_no_minute_come_more_than_twice_as_many_and_who_waits_is_let_in(a_minute: int, gaps: list[float]) -> None:
    rate, now, let_in = Rate(a_minute), 1_000.0, list[float]()
    for gap in gaps:
        now += gap
        wait = rate.take("a", now)
        if not wait:
            let_in.append(now)
        else:
            assert rate.take("a", now + wait + 1e-3) == 0.0
            let_in.append(now + wait + 1e-3)
            now += wait + 1e-3
    for begin in let_in:
        assert sum(begin <= each < begin + 60 for each in let_in) <= 2 * a_minute
