"""The inbox over HTTP: its pages beside few and many open requests, their weight, its events, and the way to an answer.

Pages are asked for in this process, without a socket: what is compared takes turns, as CPU. Events and the first
decision go through `hitl serve`, as a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from hitl_core import connect
from hitl_core.commands import SetStop, Stop, StopScope
from hitl_core.config import Config
from hitl_core.protocol import Responder
from hitl_core.server import Site, create_app
from hitl_core.server.auth import Right, tokens
from hitl_core.server.auth.login_links import new_link
from hitl_core.stores.sqlite import SqliteStore

from .bulk import filled_file
from .yardsticks import Figure, Found, median, microseconds

A_PERSONS: Final = 25
"""Streams of one person; the server gives each a few more, and no others."""
PATIENCE: Final = 60.0
"""Seconds after which an event counts as one that a listener did not hear."""
HOST: Final = "http://127.0.0.1:8484"
WEIGHT: Final = 100_000
"""Bytes that a page may have with its style and its scripts."""
SOON: Final = 2.0
"""Seconds after its start in which the first decision has to be possible."""
FORM: Final = re.compile(r'<form method="post" action="([^"]*/decide)">(.*?)</form>', re.DOTALL)
LINK: Final = re.compile(r'href="(/requests/[0-9a-f-]{36})"')
FIELD: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
ASSET: Final = re.compile(r'<(?:script|link)\b[^>]*\b(?:src|href)="([^"]+\.(?:js|css)[^"]*)"')
CONFIG: Final = """[backend]
name = "plain"
app = "bench_app:refund"

[store]
url = "sqlite:///{file}"

[server]
calls_a_minute = 0
sign_ins_a_minute = 0
"""
APP: Final = """from hitl_adapters.plain import gate


@gate.guard(reversible=False)
async def issue_refund(order: str, amount: float, memo: str = "") -> str:
    return f"paid {amount} for {order}"


async def refund(case: dict) -> str:
    return await issue_refund(**case)
"""


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """The short form has fewer requests, listeners and rounds."""
    if smoke:
        return await measured(folder, few=100, many=1_000, rounds=5, listeners=20, events=3, starts=1, answers=5)
    return await measured(folder, few=100, many=100_000, rounds=40, listeners=200, events=20, starts=7, answers=200)


async def measured(
    folder: Path, *, few: int, many: int, rounds: int, listeners: int, events: int, starts: int, answers: int
) -> list[Found]:
    """Pages beside `few` and `many` open requests, events with so many `listeners`, so many `starts` and `answers`."""
    (folder / "bench_app.py").write_text(APP, encoding="utf-8")
    configs = [_config(folder, await filled_file(folder, pauses)) for pauses in (few, many)]
    found = await _pages(configs, (few, many), rounds=rounds)
    found += await _listening(configs[0], listeners=listeners, events=events)
    held: list[str] = []
    found += await _first_decision(configs[1], many, times=starts, held=held)
    return [*found, await _answers(configs[1], many, times=answers, besides=held)]


def _config(folder: Path, file: Path) -> Path:
    path = folder / f"{file.stem}.toml"
    path.write_text(CONFIG.format(file=file.name), encoding="utf-8")
    return path


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Reader:
    """Somebody who has signed in with a link."""

    client: httpx.AsyncClient
    request: str = ""

    @classmethod
    async def at(cls, client: httpx.AsyncClient, link: str, *, besides: Collection[str] = ()) -> Reader:
        """Press the button of a link, and find the last request of the queue that is none of these.

        Whose answer is still held stands in the queue too.
        """
        await client.post(link, data=_fields((await client.get(link)).text))
        listed = (await client.get("/")).raise_for_status()
        return cls(client, [each for each in LINK.findall(listed.text) if each.rpartition("/")[2] not in besides][-1])

    async def page(self, path: str) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    async def weighed(self, path: str) -> int:
        """Bytes of what is sent to a browser, which takes it packed where that is offered."""
        async with self.client.stream("GET", path) as answer:
            assert answer.status_code == 200, (path, answer.status_code)
            return sum([len(each) async for each in answer.aiter_raw()])

    async def working(self, path: str) -> float:
        """Seconds of CPU of this process for a page."""
        begun = time.process_time()
        await self.page(path)
        return time.process_time() - begun

    async def approve(self) -> None:
        """Open the request, and press the button as it stands."""
        form = next(each for each in FORM.finditer(await self.page(self.request)) if 'value="approve"' in each.group(2))
        pressed = await self.client.post(form.group(1), data=dict(FIELD.findall(form.group(2))))
        assert pressed.status_code == 303, (pressed.status_code, pressed.text)


def _fields(page: str) -> dict[str, str]:
    return dict(FIELD.findall(page))


@asynccontextmanager
async def reading(config: Path) -> AsyncIterator[Reader]:
    """A reader of the pages of this store, in this process and without a socket."""
    async with connect(config) as hitl:
        app = create_app(hitl, Config.load(config).serving)
        link = f"/login/{await new_link(Site(hitl, Config.load(config).serving), 'ann')}"
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HOST, headers={"origin": HOST}) as client:
            yield await Reader.at(client, link)


async def _pages(configs: list[Path], sizes: tuple[int, int], *, rounds: int) -> list[Found]:
    async with AsyncExitStack() as both:
        small, large = [await both.enter_async_context(reading(each)) for each in configs]
        spent: dict[str, tuple[list[float], list[float]]] = {"queue": ([], []), "request": ([], [])}
        for round in range(rounds):
            for name, (one, other) in spent.items():
                for reader, times in ((small, one), (large, other))[:: 1 if round % 2 else -1]:
                    times.append(await reader.working("/" if name == "queue" else reader.request))
        weights = [await _weight(large, name, path) for name, path in (("queue", "/"), ("request", large.request))]
    few, many = sizes
    made: list[Found] = []
    for name, (one, other) in spent.items():
        against = f"of {few:,} {microseconds(median(one))}"
        ratio = median(other) / median(one)
        made.append(Figure(f"{name} page, {many:,} open", microseconds(median(other)), against, ratio, 1.5, True))
    return [*made, *weights]


async def _weight(reader: Reader, name: str, path: str) -> Figure:
    """A page with all styles and scripts that it makes a browser fetch, in bytes as they are sent."""
    own = await reader.weighed(path)
    assets = sorted(set(ASSET.findall(await reader.page(path))))
    weight = own + sum([await reader.weighed(each) for each in assets])
    shown = f"{weight:,} B, of which the page {own:,} B"
    return Figure(f"{name} page with style and scripts", shown, f"{WEIGHT:,} B", weight / WEIGHT, 1.0, binding=True)


# ── a process ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Serving:
    """`hitl serve` that listens."""

    process: Popen[str]
    url: str
    link: str

    def cpu(self) -> float:
        """Seconds of CPU that its threads have used (Linux)."""
        told = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in told) / 1e9


@contextmanager
def serving(config: Path, *options: str) -> Iterator[Serving]:
    """The inbox of this configuration on a free port, once it listens."""
    command = [sys.executable, "-m", "hitl_core.cli", "serve", "-c", str(config), "--port", "0", "--json", *options]
    with Popen(command, stdin=DEVNULL, stdout=PIPE, text=True) as process:
        try:
            yield _said(process)
        finally:
            process.kill()


def _said(process: Popen[str]) -> Serving:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    said: dict[str, Any] = json.loads("".join(lines))
    return Serving(process, said["url"], said["sign_in"])


async def _first_decision(config: Path, many: int, *, times: int, held: list[str]) -> list[Found]:
    """From the start of the process to an answer that it has taken: sign in, the queue, a request, the button.

    The requests that were answered are added to `held`.
    """
    spent, listens, cpu = list[float](), list[float](), list[float]()
    for _ in range(times):
        begun = time.perf_counter()
        with serving(config) as server:
            listens.append(time.perf_counter() - begun)
            async with httpx.AsyncClient(base_url=server.url, headers={"origin": server.url}, timeout=60) as client:
                reader = await Reader.at(client, server.link, besides=held)
                await reader.approve()
            spent.append(time.perf_counter() - begun)
            cpu.append(server.cpu())
            held.append(reader.request.rpartition("/")[2])
    shown = f"{median(spent):.2f} s, {median(listens):.2f} of them until it listens"
    name = f"start of `hitl serve` → first answer taken, {many:,} open"
    worked = f"{median(cpu):.2f} s"
    return [
        Figure(name, shown, f"{SOON:g} s", median(spent) / SOON, 1.0),
        Figure("… its CPU, which a busy machine moves least", worked, f"{SOON:g} s", median(cpu) / SOON, 1.0),
    ]


async def _answers(config: Path, many: int, *, times: int, besides: Collection[str]) -> Figure:
    """Answers one after the other, by the client over HTTP and by a runtime that has the file open; they take turns."""
    spent: dict[bool, list[float]] = {False: [], True: []}
    async with connect(config) as here:
        may = (Right.REQUESTS, Right.RUNS)
        site = Site(here, Config.load(config).serving)
        token, _ = await tokens.make(site, person="ann", rights=may, by=Responder(id="ann"))
        with serving(config, "--no-worker") as server:
            async with connect(_remote(config, server.url, token)) as there:
                listed = (await here.inbox(limit=2 * times + len(besides))).items
                asked = [each for each in listed if each.request.id not in besides]
                for number, settled in enumerate(asked):
                    remote = bool(number % 2)
                    begun = time.perf_counter()
                    await (there if remote else here).respond(settled.request.approve(by="ann"))
                    spent[remote].append(time.perf_counter() - begun)
    embedded, remote_one = median(spent[False]), median(spent[True])
    against = f"the runtime in one's own process {1 / embedded:,.0f}/s"
    return Figure(
        f"an answer by the client over HTTP, {many:,} open", f"{1 / remote_one:,.0f}/s", against, remote_one / embedded
    )


def _remote(config: Path, url: str, token: str) -> Path:
    """The configuration of who has only an address and a token."""
    path = config.with_name("remote.toml")
    config.with_name("token").write_text(token, encoding="utf-8")
    path.write_text(f'[store]\nurl = "{url}"\ntoken_file = "token"\n', encoding="utf-8")
    config.with_name("token").chmod(0o600)
    return path


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Listener:
    """One open stream of events."""

    stream: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def at(cls, url: str, cookie: str) -> Listener:
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = f"GET /feed?on=stops HTTP/1.1\r\nhost: {place.netloc}\r\ncookie: {cookie}\r\n\r\n"
        writer.write(head.encode())
        assert b" 200 " in await reader.readline()
        made = cls(reader, writer)
        await made.heard(b":", b"id:", b"event:", b"retry:")  # it listens once something has come
        return made

    async def heard(self, *begins: bytes) -> None:
        """Read until a line begins like this."""
        while line := await self.stream.readline():
            if line.startswith(begins):
                return
        raise AssertionError("the stream has ended")


async def _listening(config: Path, *, listeners: int, events: int) -> list[Found]:
    people = [f"person-{number}" for number in range(-(-listeners // A_PERSONS))]
    async with connect(config) as here:
        links = [f"/login/{await new_link(Site(here, Config.load(config).serving), each)}" for each in people]
    with serving(config) as server:
        cookies = [await _cookie(server, link) for link in links]
        store = await SqliteStore.open(Config.load(config).store_url, folder=config.parent)
        one = await _heard_by(server, store, 1, events, cookies)
        all_of_them = await _heard_by(server, store, listeners, events, cookies)
        await store.close()
    missed, due = one.missed + all_of_them.missed, (1 + listeners) * events
    name = f"events that one of {listeners} listeners did not hear"
    return [
        Figure(name, f"{missed:,}", f"{due:,}", missed / due, 0.0, binding=True),
        _compared(f"CPU of an event that {listeners} hear", all_of_them.cpu, one.cpu),
        _compared(f"an event → all {listeners} have heard it", all_of_them.wait, one.wait),
    ]


async def _cookie(server: Serving, link: str) -> str:
    """What the browser of somebody who has pressed the button of a link sends."""
    async with httpx.AsyncClient(base_url=server.url, headers={"origin": server.url}, timeout=60) as client:
        await Reader.at(client, link)
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def _compared(name: str, ours: float, one: float) -> Figure:
    return Figure(name, microseconds(ours), f"one listener {microseconds(one)}", ours / one)


@dataclass(frozen=True, slots=True)
class Told:
    """CPU of the server for an event, seconds until all have heard it, and how often one did not."""

    cpu: float
    wait: float
    missed: int


async def _heard_by(server: Serving, store: SqliteStore, listeners: int, events: int, cookies: list[str]) -> Told:
    streams = [await Listener.at(server.url, cookies[number // A_PERSONS]) for number in range(listeners)]
    waits, missed, before = list[float](), 0, server.cpu()
    for number in range(events):
        begun = time.perf_counter()
        now = datetime.now(UTC)
        await store.apply(SetStop(Stop(StopScope.TOOL, f"tool-{listeners}-{number}", "a bench", "boss", now)))
        hearing = [asyncio.ensure_future(each.heard(b"event: stops")) for each in streams]
        heard, _ = await asyncio.wait(hearing, timeout=PATIENCE)
        waits.append(time.perf_counter() - begun)
        missed += sum(each not in heard or each.exception() is not None for each in hearing)
        for late in hearing:
            late.cancel()
    spent = (server.cpu() - before) / events
    for each in streams:
        each.writer.close()
    return Told(spent, median(waits), missed)
