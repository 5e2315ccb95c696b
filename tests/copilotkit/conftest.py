"""The pages of the example against each backend: one browser, one model, and a server for each backend.

In `make test` the stories of ON_EACH_BACKEND are tried in the browser; `make pages` tries all of them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from hitl_core.testing.scripted_model import ScriptedModel, load_script
from tests.browser import chromium
from tests.browser.watched import Watch
from tests.copilotkit.studio import EXAMPLE, Studio
from tests.copilotkit.talking import Client
from tests.server.served import one_port

PATIENCE = 30_000
"""Milliseconds: on a busy machine a framework takes its time."""
GONE = ("Failed to fetch", "network error", "Runtime did not answer")
BACKENDS = ("langgraph", "openai_agents", "crewai", "autogen")
ON_EACH_BACKEND = {
    "test_an_approval_is_asked_and_a_yes_publishes_once",
    "test_an_edit_keeps_its_types_and_a_no_publishes_nothing",
    "test_two_questions_at_once_are_answered_together",
    "test_a_question_and_then_an_approval_each_find_their_own_hook",
    "test_a_card_that_is_dismissed_runs_nothing",
    "test_a_tool_of_the_page_is_called_and_its_answer_reaches_the_model",
    "test_a_pause_survives_a_reload_and_a_second_browser",
    "test_the_server_may_die_between_the_question_and_the_click",
    "test_a_stale_tab_changes_nothing_and_can_be_used_afterwards",
    "test_an_answer_in_the_web_inbox_appears_while_the_page_is_open",
}
on_one_backend = pytest.mark.parametrize("studio", BACKENDS[:1], indirect=True)
"""For what happens in the page, the bridge and the store alone, whatever the agent is built with."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A browser belongs to one loop; and CrewAI reads its own deprecated fields whenever an agent is made.

    Each studio is started once: all tests of a backend come one after the other.
    """
    here = Path(__file__).parent
    if os.environ.get("HITL_PAGES") != "all":
        left = [item for item in items if item.path.parent == here and not _is_short(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    own = iter(sorted((item for item in items if item.path.parent == here), key=_backend))
    items[:] = [next(own) if item.path.parent == here else item for item in items]
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))
        if item.path.parent == here and item.get_closest_marker("asyncio"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _is_short(item: pytest.Item) -> bool:
    """Whether it is tried in the short form: of stories in a browser, those of ON_EACH_BACKEND."""
    in_a_browser = {"opened", "browser"} & set(getattr(item, "fixturenames", ()))
    return not in_a_browser or item.name.partition("[")[0] in ON_EACH_BACKEND


def _backend(item: pytest.Item) -> int:
    """The place of a test's backend; tests of none come last."""
    params = getattr(item, "callspec", None)
    name = None if params is None else params.params.get("studio")
    return BACKENDS.index(name) if name in BACKENDS else len(BACKENDS)


@pytest.fixture(scope="session")
def dist() -> Path:
    """The pages as the lane has built them."""
    built = Path(os.environ.get("HITL_COPILOTKIT_DIST", EXAMPLE / "dist"))
    assert (built / "index.html").exists(), "the pages are not built: `npm ci && npx vite build` in examples/copilotkit"
    return built


@pytest.fixture(scope="session")
def model() -> Iterator[str]:
    with ScriptedModel(load_script(EXAMPLE / "script.toml")) as serving:
        yield serving.base_url


@pytest.fixture(scope="session", params=BACKENDS)
def studio(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: str, dist: Path
) -> Iterator[Studio]:
    with one_port() as port:
        served = Studio(tmp_path_factory.mktemp(request.param), request.param, model=model, dist=dist, port=port)
        try:
            served.start()
            yield served
        finally:
            served.kill()


@pytest.fixture(scope="session")
def attended(tmp_path_factory: pytest.TempPathFactory, model: str, dist: Path) -> Iterator[Studio]:
    """The studio with a person to whom its agent can hand the conversation over."""
    folder = tmp_path_factory.mktemp("attended")
    with one_port() as port:
        served = Studio(folder, "openai_agents", model=model, dist=dist, port=port, spec="story:ATTENDED")
        try:
            served.start()
            yield served
        finally:
            served.kill()


@pytest.fixture(scope="session", params=["pinned", "newest"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """AG-UI's own, as CopilotKit pins it and the newest."""
    with Client(request.param) as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium.path(), args=list(chromium.FLAGS))
        yield started
        await started.close()


class Opened(NamedTuple):
    """A page, and what is held against it."""

    page: Page
    watch: Watch


class Open(Protocol):
    def __call__(
        self, path: str = "", *, person: str = "ann", deaf: bool = False
    ) -> AbstractAsyncContextManager[Opened]: ...


@pytest.fixture
def opened(browser: Browser, studio: Studio) -> Open:
    """`async with opened("#cases") as (page, _)` is one person's browser; a deaf one does not hear what others change.
    That it complained of nothing, and asked nobody but us for anything, is judged at the end."""
    return partial(open_page, browser, studio)


@asynccontextmanager
async def open_page(
    browser: Browser, studio: Studio, path: str = "", *, person: str = "ann", deaf: bool = False
) -> AsyncIterator[Opened]:
    context = await browser.new_context()
    await context.add_cookies([{"name": "person", "value": person, "url": studio.url}])
    context.set_default_timeout(PATIENCE)
    if deaf:
        await context.route("**/changes?**", lambda route: route.fulfill(status=204))
    watch = Watch.over(context, studio.url)
    try:
        page = await context.new_page()
        await page.goto(f"{studio.url}/{path}")
        yield Opened(page, watch)
        if watch.away:  # what CopilotKit says of a server that is gone
            watch.seen = [each for each in watch.seen if not any(words in each for words in GONE)]
        watch.judge()
    finally:
        await context.close()
