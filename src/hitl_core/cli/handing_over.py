"""Opening a browser at a link that signs in: by a file that its owner alone may read.

What stands on a command line is seen by everybody who has an account on the machine (`ps`), and a browser is started
with one. So it is given the name of a file, which leads on to the link, and which is not there for long.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import webbrowser
from html import escape
from pathlib import Path
from typing import Final

STAYS: Final = 60.0
"""Seconds that the file is there: browsers that have to be started first take some."""

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={link}">
<title>hitl</title>
<p><a href="{link}">To the inbox</a></p>
"""


class HandedOver:
    """The file of one link. It is gone after STAYS, or when whoever made it ends."""

    def __init__(self, link: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hitl-"))  # which nobody else may look into
        self._file = self._folder / "inbox.html"
        self._file.touch(mode=0o600)
        self._file.write_text(_PAGE.format(link=escape(link, quote=True)), encoding="utf-8")
        self._end = threading.Timer(STAYS, self.end)
        self._end.daemon = True
        self._end.start()

    @property
    def address(self) -> str:
        return self._file.as_uri()

    def end(self) -> None:
        """Take it away; more than once does no harm."""
        self._end.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)


def open_at(link: str, browser: webbrowser.BaseBrowser | None = None) -> HandedOver | None:
    """Open a browser at a link that signs in. Returns the file by which, to be ended; None if none has opened."""
    try:
        handed = HandedOver(link)
    except OSError:
        return None
    try:
        opened = webbrowser.open(handed.address) if browser is None else browser.open(handed.address)
    except (OSError, webbrowser.Error):
        opened = False
    if not opened:
        handed.end()
        return None
    return handed
