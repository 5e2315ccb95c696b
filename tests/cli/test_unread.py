"""Commands whose output nobody reads any more: a real pipe to a process that has closed it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hitl_core.cli.unread import UNREAD
from tests.cli.shop import PATIENCE, Shop, environment, eventually, order

pytestmark = pytest.mark.processes
PIPE = 4096
"""Bytes: the least that a pipe holds."""


@contextmanager
def nobody_reads() -> Iterator[int]:
    """The writing end of a pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "--json"),
        ("runs",),
        ("runs", "none-like-this", "--json"),
        ("runs", "--state", "none", "--json"),
        ("inbox",),
        ("doctor",),
        ("audit", "export", "--format", "csv"),
        ("top",),
        ("worker", "--until-idle", "--json"),
        ("inbox", "--help"),
    ],
    ids=" ".join,
)
def test_it_ends_quietly(shop: Shop, arguments: tuple[str, ...]) -> None:
    """With the status of whoever is ended by that signal, also where it has an error to tell."""
    with nobody_reads() as pipe:
        ended = started(shop, *arguments, stdout=pipe)
    assert (ended.returncode, ended.stderr) == (UNREAD, "")


def test_a_reader_that_has_seen_enough_ends_it(shop: Shop) -> None:
    """More than a pipe holds, which is made small for that, to a process that reads one line of it."""
    for _ in range(6):
        shop.hitl("run", "--input", order(), "--json")
    exports = shop.start("audit", "export")
    assert exports.stdout is not None
    fcntl.fcntl(exports.stdout, fcntl.F_SETPIPE_SZ, PIPE)
    with subprocess.Popen(["head", "-n", "1"], stdin=exports.stdout, stdout=subprocess.PIPE, text=True) as head:
        assert exports.stderr is not None
        exports.stdout.close()
        first, _ = head.communicate(timeout=PATIENCE)
    with exports.stderr as said:
        assert (exports.wait(PATIENCE), said.read()) == (UNREAD, "")
    assert json.loads(first)["seq"] == 1


def test_what_it_did_is_done(shop: Shop) -> None:
    run, request = shop.paused()
    with nobody_reads() as pipe:
        ended = started(shop, "respond", request, "approve", "--as", "ann", "--resume", "--json", stdout=pipe)
    assert (ended.returncode, ended.stderr) == (UNREAD, "")
    assert [line["amount"] for line in shop.ledger("refund")] == [48.5]
    assert shop.hitl("runs", run, "--json").json["state"] == "completed"


def test_a_result_is_written_though_nobody_reads_what_is_said_beside_it(shop: Shop) -> None:
    with nobody_reads() as pipe:
        done = started(shop, "run", "--input", order(), "--progress", "--json", stdout=subprocess.PIPE, stderr=pipe)
        refused = started(shop, "runs", "none-like-this", stdout=subprocess.PIPE, stderr=pipe)
    assert (done.returncode, json.loads(done.stdout)["state"]) == (3, "paused")
    assert (refused.returncode, refused.stdout) == (1, "")


def test_a_worker_whose_log_nobody_reads_goes_on(shop: Shop) -> None:
    run, request = shop.paused("ask")
    with nobody_reads() as pipe, subprocess.Popen(shop.command("worker"), stderr=pipe, env=environment()) as works:
        try:
            shop.hitl("respond", request, "answer", "--message", "yes", "--as", "ann")
            eventually(lambda: bool(shop.hitl("runs", run, "--json").json["state"] == "completed"), "the run")
            works.send_signal(signal.SIGTERM)
            assert works.wait(PATIENCE) == 0
        finally:
            works.kill()


def test_another_pipe_that_breaks_is_an_error(shop: Shop) -> None:
    """An app may lose a peer of its own; somebody has to hear of it."""
    (shop.folder / "lost.py").write_text("raise BrokenPipeError(32, 'the scanner is gone')\n")
    (shop.folder / "hitl.toml").write_text('[backend]\nname = "plain"\napp = "lost:agent"\n')
    ended = started(shop, "run", "--input", order(), stdout=subprocess.PIPE)
    assert ended.returncode == 1
    assert "the scanner is gone" in ended.stderr


def started(
    shop: Shop, *arguments: str, stdout: int, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """How a command of a process of its own ended, whose output goes there."""
    return subprocess.run(
        shop.command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(),
        cwd=shop.folder,
    )
