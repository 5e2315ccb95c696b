"""A browser without a script: it opens pages, reads what they have, and sends their forms as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

VOID = {"meta", "link", "input", "br", "img", "hr"}
"""Elements that have no end tag (HTML, "void elements")."""


@dataclass
class Form:
    """A form: where it goes, what stands in its fields, the names that it may send, and its buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    buttons: list[dict[str, str]] = field(default_factory=list)

    @property
    def decision(self) -> str:
        return self.fields.get("decision", "")


@dataclass
class Element:
    """One element: its tag, its attributes, the text in it, and the tags that it is inside of."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: tuple[str, ...] = ()


class Page(HTMLParser):
    """What a browser makes of a page; every element has to be closed in its order. `text` is what somebody reads."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status, self.html, self.url = answer.status_code, answer.text, str(answer.url)
        self.elements: list[Element] = []
        self.forms: list[Form] = []
        self._open: list[Element] = []
        self._words: list[str] = []
        self._select = ""
        self.feed(self.html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    @property
    def tags(self) -> list[tuple[str, dict[str, str]]]:
        return [(each.tag, each.attributes) for each in self.elements]

    @property
    def offered(self) -> set[str]:
        """The decisions that a person can make here."""
        return {form.decision for form in self.forms if form.decision}

    def all(self, tag: str) -> list[Element]:
        return [each for each in self.elements if each.tag == tag]

    def having(self, attribute: str) -> list[str]:
        return [each.attributes[attribute] for each in self.elements if attribute in each.attributes]

    def links(self) -> list[str]:
        return [each.attributes.get("href", "") for each in self.all("a")]

    def form(self, decision: str = "", *, action: str = "") -> Form:
        """The form of a decision, or the one that changes something at an address with this end."""
        found = [
            each
            for each in self.forms
            if each.method == "post"
            and ((decision and each.decision == decision) or (action and _place(each).endswith(action)))
        ]
        known = [each.decision or each.action for each in self.forms]
        assert found, f"no form for {decision or action!r} among {known}"
        assert len(found) == 1 or decision, f"{len(found)} forms go to {action!r}"
        return found[0]

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = self._add(tag, attrs)
        if tag == "form":
            self.forms.append(Form(element.attributes["action"], element.attributes["method"]))
        elif any(each.tag == "form" for each in self._open):
            self._control(tag, element.attributes)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Of SVG, where an element can be closed as it is opened."""
        self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing at {self.getpos()}"
        closed = self._open.pop()
        assert closed.tag == tag, f"</{tag}> closes <{closed.tag}> at {self.getpos()}"
        if tag == "textarea":
            self.forms[-1].fields[closed.attributes["name"]] = closed.text.removeprefix("\n")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if self._open and self._open[-1].tag not in ("script", "style"):
            self._words.append(data)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Element:
        given = {name: value or "" for name, value in attrs}
        self.elements.append(Element(tag, given, inside=tuple(each.tag for each in self._open)))
        return self.elements[-1]

    def _control(self, tag: str, given: dict[str, str]) -> None:
        """What a field adds to what its form sends: an option that is not chosen, and a box not ticked, nothing."""
        form, name = self.forms[-1], given.get("name", "")
        form.names |= {name} if name else set()
        if tag == "button":
            form.buttons.append(given)
        elif tag == "input" and name and given.get("type") != "file" and _is_sent(given):
            form.fields[name] = given.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and (self._select not in form.fields or "selected" in given):
            form.fields[self._select] = given["value"]


def _place(form: Form) -> str:
    return form.action.partition("#")[0]


def _is_sent(given: dict[str, str]) -> bool:
    return given.get("type") not in ("checkbox", "radio") or "checked" in given


def _as_sent(value: str) -> str:
    """As browsers send what is in a field (HTML, "normalize newlines in entry list")."""
    return value.replace("\r\n", "\n").replace("\n", "\r\n")


@dataclass
class Browser:
    """One person's browser: follows links, sends forms."""

    client: httpx.AsyncClient

    async def open(self, path: str, **query: str) -> Page:
        return Page(await self.client.get(path, params=query or None))

    async def send(self, form: Form, **typed: str | None) -> Page:
        """Send a form with these fields typed into it; None for one that is not sent."""
        unknown = typed.keys() - form.names
        assert not unknown, f"the form has no field {unknown}"
        data = {name: _as_sent(value) for name, value in {**form.fields, **typed}.items() if value is not None}
        return Page(await self.client.post(form.action, data=data))

    async def upload(self, form: Form, name: str, content: bytes, **typed: str) -> Page:
        """Send a form with a file in the field of this name."""
        files: Any = {name: ("changed.toml", content, "application/toml")}
        return Page(await self.client.post(form.action, data={**form.fields, **typed}, files=files))
