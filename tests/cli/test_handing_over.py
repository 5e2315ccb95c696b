"""A link that signs in is handed to a browser by a file, which its owner alone may read, and which does not stay."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from urllib.request import url2pathname

import pytest

from hitl_core.cli import handing_over
from hitl_core.cli.handing_over import open_at
from tests.cli.shop import eventually

LINK = 'http://127.0.0.1:8484/login/a"><script>x</script>'


class Browser(webbrowser.BaseBrowser):
    def __init__(self, opens: bool = True, raises: Exception | None = None) -> None:
        self.opens, self.raises, self.given = opens, raises, list[Path]()

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.given.append(Path(url2pathname(url.removeprefix("file://"))))
        assert self.given[-1].stat().st_mode & 0o077 == 0
        if self.raises is not None:
            raise self.raises
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


@pytest.mark.parametrize("raises", [None, webbrowser.Error("none"), OSError("none")])
def test_a_browser_that_does_not_open_leaves_nothing(raises: Exception | None) -> None:
    browser = Browser(opens=False, raises=raises)
    assert open_at(LINK, browser) is None
    assert not browser.given[0].parent.exists()


def test_it_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_over, "STAYS", 0.01)
    browser = Browser()
    assert open_at(LINK, browser) is not None
    eventually(lambda: not browser.given[0].parent.exists(), "the file to be gone")


def test_where_no_file_can_be_made_no_browser_is_given_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there-is-none"))
    browser = Browser()
    assert open_at(LINK, browser) is None
    assert browser.given == []


def test_without_one_that_was_chosen_it_is_the_one_of_the_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()
    monkeypatch.setattr(webbrowser, "open", browser.open)
    handed = open_at(LINK)
    assert handed is not None
    assert handed.address == browser.given[0].as_uri()
    handed.end()
