"""`hitl serve` as people run it: a process that serves, works, refuses what is unsafe, and ends when it is told."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.cli.shop import PATIENCE, Done, Shop, eventually
from tests.server.pages.browser import Page
from tests.server.served import Served, one_port, serve
from tests.server.test_credentials import press

pytestmark = pytest.mark.processes

Serve = Callable[..., Served]
ENDED = r"hitl_turns_total\{[^}]*\} 1\.0"
LATE = """record("import")
while not (HERE / "go_on").exists():
    time.sleep(0.02)
"""
"""What an app may do when it is imported."""
LOADED = """import sys
from hitl_core.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
"""The command line, which says at its end what it has imported."""
OF_OTHERS = {"apprise", "authlib", "httpx", "langgraph", "psycopg", "slack_sdk", "textual"}
"""What signing in by OIDC, messages, other stores, other clients and frameworks need."""
WITHOUT_FASTAPI = "import sys; sys.modules['fastapi'] = None; from hitl_core.cli import main; sys.exit(main())"


def refused(shop: Shop, *arguments: str) -> Done:
    """What a server says that does not begin."""
    process = shop.start("serve", *arguments)
    out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, err)


def ask(url: str) -> httpx.Response:
    """Some pages take a moment to be made, on a machine that others work on."""
    return httpx.get(url, timeout=PATIENCE)


def state(shop: Shop, run: str) -> str:
    return str(shop.hitl("runs", run, "--json").json["state"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_this_machine_and_ends_when_it_is_told(shop: Shop, served: Serve, number: signal.Signals) -> None:
    found = served(shop)
    assert urlsplit(found.url).hostname == "127.0.0.1"
    assert ask(f"{found.url}/openapi.json").json()["info"]["title"] == "hitl-core"
    found.process.send_signal(number)
    code, err = found.ended()
    assert (code, "Traceback" in err) == (0, False)
    with pytest.raises(httpx.ConnectError):
        ask(found.url)


def test_the_first_decision_loads_nothing_that_is_not_configured(shop: Shop) -> None:
    """What is loaded is what people wait for. All of it is installed where these tests run, frameworks apart."""
    _, request = shop.paused()
    command = [sys.executable, "-P", "-c", LOADED, "serve", "-c", str(shop.config), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            found = Served.of(process)
            with httpx.Client(base_url=found.url, headers={"origin": found.url}, timeout=PATIENCE) as browser:
                assert press(browser, found.said["sign_in"]) == 303
                forms = Page(browser.get(f"/requests/{request}")).forms
                form = next(each for each in forms if "approve" in each.fields.values())
                assert browser.post(form.action, data=form.fields).status_code == 303
            process.terminate()
            code, err = found.ended()
        finally:
            process.kill()
    loaded = {name.split(".")[0] for name in err.splitlines()[-1].split()}
    assert (code, {"fastapi", "uvicorn", "hitl_core"} - loaded) == (0, set())
    assert not loaded & OF_OTHERS


def test_a_connection_that_is_kept_open_does_not_hold_its_end(shop: Shop, served: Serve) -> None:
    found = served(shop)
    with httpx.Client(timeout=PATIENCE) as client:
        assert client.get(f"{found.url}/openapi.json").status_code == 200
        found.process.terminate()
        assert found.ended()[0] == 0


def test_who_listens_to_events_is_let_go_when_it_ends(shop: Shop, served: Serve) -> None:
    made = shop.hitl("token", "make", "feed", "--as", "ann", "--right", "runs", "--for", "1d", "--json").json
    found = served(shop)
    headers = {"authorization": f"Bearer {made['token']}"}
    with httpx.stream("GET", f"{found.url}/api/events", headers=headers, timeout=60) as events:
        assert events.status_code == 200
        lines = events.iter_lines()
        next(lines)
        found.process.terminate()
        assert [each for each in lines if each.startswith("event: ")] in ([], ["event: again"])
    assert found.ended()[0] == 0


def test_it_says_how_it_is_and_what_it_measures(shop: Shop, served: Serve) -> None:
    run, request = shop.paused()
    found = served(shop)
    assert ask(f"{found.url}/healthz").json()["ok"]
    assert ask(f"{found.url}/readyz").json()["checks"]["store"]["says"].startswith("1 open, 0 ready")
    assert shop.hitl("respond", request, "approve", "--as", "ann").code == 0
    eventually(lambda: state(shop, run) == "completed", "its worker to go on with the run")
    eventually(lambda: bool(re.search(ENDED, ask(f"{found.url}/metrics").text)), "its worker to be measured")


def test_who_is_signed_in_stays_so_when_it_is_killed_and_started_again(shop: Shop, served: Serve) -> None:
    with one_port() as port, httpx.Client(timeout=PATIENCE) as browser:
        first = served(shop, "--port", port)
        assert press(browser, first.said["sign_in"]) == 303
        assert browser.get(f"{first.url}/runs").status_code == 200
        first.process.kill()
        first.ended()
        shop.config.write_text(shop.config.read_text() + f"\n[server]\nport = {port}\n")
        second = Served.of(shop.start("serve", "--json"))
        try:
            assert second.url == first.url
            assert browser.get(f"{second.url}/runs").status_code == 200
        finally:
            second.process.kill()
            second.ended()


def test_it_goes_on_with_what_was_answered(shop: Shop, served: Serve) -> None:
    run, request = shop.paused()
    served(shop)
    assert shop.hitl("respond", request, "approve", "--as", "ann").code == 0
    eventually(lambda: state(shop, run) == "completed", "its worker to go on with the run")
    assert len(shop.ledger("refund")) == 1


def test_without_a_worker_others_go_on(shop: Shop, served: Serve) -> None:
    run, request = shop.paused()
    found = served(shop, "--no-worker")
    assert shop.hitl("respond", request, "approve", "--as", "ann").code == 0
    assert shop.hitl("worker", "--list", "--json").json["workers"] == []
    assert state(shop, run) == "ready"
    found.process.terminate()
    assert found.ended()[0] == 0
    assert shop.ledger("refund") == []


def test_an_action_that_blocks_keeps_nobody_from_the_inbox(shop: Shop, served: Serve) -> None:
    """It stands still in a tool for as long as we ask; the worker has a thread of its own."""
    run, request = shop.paused("ship_it")
    found = served(shop)
    assert shop.hitl("respond", request, "approve", "--as", "ann").code == 0
    eventually(lambda: bool(shop.ledger("ship")), "the action to begin")
    for _ in range(3):
        assert ask(f"{found.url}/openapi.json").status_code == 200
    (shop.folder / "go_on").touch()
    eventually(lambda: state(shop, run) == "completed", "the action to end")


@pytest.mark.parametrize("options", [(), ("--no-worker",)])
def test_an_app_that_takes_long_to_import_keeps_nobody_from_the_inbox(
    shop: Shop, served: Serve, options: tuple[str, ...]
) -> None:
    _, request = shop.paused()
    module = shop.folder / f"{shop.module}.py"
    module.write_text(f"{module.read_text()}\n{LATE}", encoding="utf-8")
    found = served(shop, *options)
    with httpx.Client(timeout=PATIENCE) as browser:
        assert press(browser, found.said["sign_in"]) == 303
        page = f"{found.url}/requests/{request}"
        eventually(lambda: bool(shop.ledger("import")), "the import to begin")
        assert "Pay 48.5 EUR back" in browser.get(page).text
        assert "What would change it" not in browser.get(page).text
        (shop.folder / "go_on").touch()
        eventually(lambda: "What would change it" in browser.get(page).text, "the app to be at hand")


def test_killed_and_started_again_it_goes_on(shop: Shop, served: Serve) -> None:
    run, request = shop.paused()
    first = served(shop)
    first.process.kill()
    assert first.ended()[0] == -signal.SIGKILL
    served(shop)
    assert shop.hitl("inbox", "--json").json["requests"][0]["id"] == request
    assert shop.hitl("respond", request, "approve", "--as", "ann").code == 0
    eventually(lambda: state(shop, run) == "completed", "the second one to go on with the run")
    assert len(shop.ledger("refund")) == 1


def test_an_app_that_cannot_be_overseen_ends_it_with_its_reason(shop: Shop) -> None:
    shop.config.write_text(shop.config.read_text().replace(shop.module, "nowhere"))
    done = refused(shop, "--port", "0")
    assert done.code == 2
    assert "error HITL-" in done.err
    assert "nowhere" in done.err


def test_more_than_this_machine_needs_somebody_who_says_who_people_are(shop: Shop, served: Serve) -> None:
    done = refused(shop, "--host", "0.0.0.0", "--port", "0")
    assert done.code == 2
    assert "error HITL-C01" in done.err
    assert "[server.oidc] or [server.proxy]" in done.err
    shop.config.write_text(shop.config.read_text() + '\n[server.proxy]\ntrusted = ["127.0.0.1"]\n')
    found = served(shop, "--host", "0.0.0.0")
    assert ask(found.url.replace("0.0.0.0", "127.0.0.1") + "/openapi.json").status_code == 200


def test_a_port_that_is_taken_is_named(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = refused(shop, "--port", port)
    assert done.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "choose another with --host and --port" in done.err


def test_what_is_configured_is_where_it_listens(shop: Shop, served: Serve) -> None:
    shop.config.write_text(shop.config.read_text() + '\n[server]\nhost = "127.0.0.2"\n')
    assert served(shop).url.startswith("http://127.0.0.2:")


def test_a_store_in_memory_is_worked_on_where_it_is(shop: Shop, served: Serve) -> None:
    shop.config.write_text(shop.config.read_text().replace("sqlite:///hitl.db", "sqlite://"))
    found = served(shop)
    assert ask(f"{found.url}/openapi.json").status_code == 200
    found.process.terminate()
    assert found.ended()[0] == 0


def test_a_person_reads_where_it_is(shop: Shop) -> None:
    process = shop.start("serve", "--port", "0")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("the inbox is at http://127.0.0.1:")
    process.terminate()
    assert process.wait(60) == 0
    process.communicate()


def test_without_its_extra_it_says_what_to_install(shop: Shop) -> None:
    command = [sys.executable, "-P", "-c", WITHOUT_FASTAPI, "serve", "-c", str(shop.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=shop.folder)
    assert done.returncode == 2
    assert "pip install 'hitl-core[server]'" in done.stderr


def test_the_browser_that_it_opens_is_given_the_link_where_nobody_else_sees_it(
    shop: Shop, served: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The link is on no command line; it stands in a file of its owner's alone, which is gone when the server is."""
    program, seen = tmp_path / "browser", tmp_path / "seen.txt"
    program.write_text(f'#!/bin/sh\necho "$@" > {seen}.new\ncat "${{1#file://}}" >> {seen}.new\nmv {seen}.new {seen}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    found = served(shop, "--open")
    eventually(seen.exists, "the browser to be opened")
    given, _, page = seen.read_text().partition("\n")
    file = Path(given.removeprefix("file://"))
    assert found.said["sign_in"] in page
    assert (given.startswith("file:///"), "login" in given) == (True, False)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    found.process.terminate()
    assert found.ended()[0] == 0
    assert not file.parent.exists()


def test_told_to_end_while_it_starts_it_ends(shop: Shop) -> None:
    process = serve(shop)
    process.terminate()
    code = process.wait(60)
    process.communicate()
    assert code in (0, -signal.SIGTERM)
