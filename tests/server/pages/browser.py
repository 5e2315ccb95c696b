"""A browser without a script: it opens pages, reads what they have, and sends their forms as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx


@dataclass
class Form:
    """A form of a page: where it goes, and what is in its fields."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Element:
    """One element: its tag, its attributes, and the text in it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: tuple[str, ...] = ()


_VOID = {"meta", "link", "input", "br", "img", "hr", "line", "polyline", "circle"}


class Page(HTMLParser):
    """What a page has. `said` is its text, as somebody reads it."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.status, self.html, self.at = response.status_code, response.text, str(response.url)
        self.elements: list[Element] = []
        self.forms: list[Form] = []
        self._open: list[Element] = []
        self.said = ""
        self.feed(self.html)
        self.said = " ".join(self.said.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        element = Element(tag, given, inside=tuple(each.tag for each in self._open))
        self.elements.append(element)
        if tag == "form":
            self.forms.append(Form(given.get("method", "get"), given.get("action", "")))
        elif self.forms and any(each.tag == "form" for each in self._open):
            self._field(tag, given)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open[-1].tag != tag:
            self._open.pop()
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if not any(each.tag in ("title", "script", "style") for each in self._open):
            self.said += f" {data}"
        if self._open and self._open[-1].tag == "textarea":
            name = self._open[-1].attributes.get("name", "")
            self.forms[-1].fields[name] = self.forms[-1].fields.get(name, "") + data

    def _field(self, tag: str, given: dict[str, str]) -> None:
        fields, name = self.forms[-1].fields, given.get("name", "")
        if tag == "input" and name and given.get("type") not in ("checkbox", "radio", "file"):
            fields[name] = given.get("value", "")
        elif tag == "option":
            select = next(each for each in reversed(self._open) if each.tag == "select").attributes["name"]
            if "selected" in given or select not in fields:
                fields[select] = given.get("value", "")

    def all(self, tag: str) -> list[Element]:
        return [each for each in self.elements if each.tag == tag]

    def form(self, action: str) -> Form:
        """The form that goes to a place and changes something."""
        (found,) = [each for each in self.forms if each.method == "post" and each.action.partition("#")[0] == action]
        return found

    def links(self) -> list[str]:
        return [each.attributes.get("href", "") for each in self.all("a")]


def _sent(value: str) -> str:
    """As browsers send what is in a field (HTML, "normalize newlines in entry list")."""
    return value.replace("\r\n", "\n").replace("\n", "\r\n")


class Browser:
    """Follows links, sends forms."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def open(self, path: str, **query: str) -> Page:
        return Page(await self.client.get(path, params=query or None))

    async def send(self, page: Page, action: str, **fields: str) -> Page:
        """Send a form of a page, with these fields filled in besides."""
        form = page.form(action)
        unknown = fields.keys() - form.fields.keys()
        assert not unknown, f"the form has no field {unknown}"
        filled = {**form.fields, **fields}
        return Page(await self.client.post(form.action, data={name: _sent(value) for name, value in filled.items()}))

    async def upload(self, page: Page, action: str, name: str, content: bytes, **fields: str) -> Page:
        form = page.form(action)
        files: Any = {name: ("changed.toml", content, "application/toml")}
        return Page(await self.client.post(form.action, data={**form.fields, **fields}, files=files))
