"""A link that signs in is handed to a browser by a file, which its owner alone may read, and which does not stay."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from urllib.request import url2pathname

import pytest

from hitl_core.cli import handing_over
from hitl_core.cli.handing_over import open_at
from tests.cli.shop import eventually

LINK = 'http://127.0.0.1:8484/login/a"><script>x</script>'


class Browser(webbrowser.BaseBrowser):
    def __init__(self, opens: bool = True) -> None:
        self.opens, self.given = opens, list[Path]()

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.given.append(Path(url2pathname(url.removeprefix("file://"))))
        assert self.given[-1].stat().st_mode & 0o077 == 0
        return self.opens


def test_it_leads_to_the_link_and_says_nothing_else() -> None:
    browser = Browser()
    handed = open_at(LINK, browser)
    assert handed is not None
    (file,) = browser.given
    page = file.read_text()
    assert "<script" not in page
    assert 'content="0; url=http://127.0.0.1:8484/login/a&quot;&gt;' in page
    handed.end()
    handed.end()
    assert not file.parent.exists()


def test_a_browser_that_does_not_open_leaves_nothing() -> None:
    browser = Browser(opens=False)
    assert open_at(LINK, browser) is None
    assert not browser.given[0].parent.exists()


def test_it_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_over, "STAYS", 0.01)
    browser = Browser()
    assert open_at(LINK, browser) is not None
    eventually(lambda: not browser.given[0].parent.exists(), "the file to be gone")
