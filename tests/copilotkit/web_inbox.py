"""The web inbox over a studio's store, as an app of its own beside it, and somebody's browser in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from playwright.async_api import Browser, Page

from hitl_core import connect
from hitl_core.config import Serving
from hitl_core.errors import HitlError
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from hitl_core.server.auth import login_links
from hitl_core.server.listening import Listener, address_of, bound
from tests.browser.watched import Watch
from tests.copilotkit.studio import Studio


@dataclass(frozen=True)
class WebInbox:
    """`page` is the browser of somebody who has signed in. The studio is what goes on with what is answered there."""

    hitl: Runtime
    url: str
    page: Page

    async def look_at(self, request_id: str) -> None:
        await self.page.goto(f"{self.url}/requests/{request_id}")


@asynccontextmanager
async def web_inbox(browser: Browser, studio: Studio, person: str) -> AsyncIterator[WebInbox]:
    async with connect(studio.config) as hitl:
        with suppress(HitlError):  # here is no key for its model; but no page waits while its framework is imported
            await hitl.attach()
        with bound("127.0.0.1", 0) as socket:
            serving = Serving(port=socket.getsockname()[1], undo=0, sign_ins_a_minute=0, calls_a_minute=0)
            app, begun = create_app(hitl, serving), asyncio.Event()
            listener = Listener(app, serving, told=begun.set)
            serves = asyncio.create_task(listener.serve([socket]))
            await begun.wait()
            url = address_of(socket)
            context = await browser.new_context()
            watch = Watch.over(context, url)
            page = await context.new_page()
            await page.goto(f"{url}/login/{await login_links.new_link(app.state.site, person)}")
            await page.get_by_role("button", name="Sign in here").click()
            try:
                yield WebInbox(hitl, url, page)
            finally:
                await context.close()
                listener.end()
                await serves
    watch.judge()
