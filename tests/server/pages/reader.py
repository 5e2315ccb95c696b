"""A browser without a script: it reads HTML, fills in forms and sends them as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

VOID = {"meta", "link", "input", "br", "img", "hr"}


@dataclass
class Form:
    """A form: where it goes, what stands in its fields, and its buttons (name, value, disabled)."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)

    @property
    def decision(self) -> str:
        return self.fields.get("decision", "")


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status, self.html, self.url = answer.status_code, answer.text, str(answer.url)
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.depth: list[str] = []
        self.words: list[str] = []
        self._into: tuple[str, str] | None = None
        self.feed(answer.text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.tags.append((tag, has))
        if tag not in VOID:
            self.depth.append(tag)
        if tag == "form":
            self.forms.append(Form(has["action"], has["method"]))
        if not self.forms or "form" not in self.depth:
            return
        form, name = self.forms[-1], has.get("name", "")
        if tag == "button":
            form.buttons.append(has)
        elif tag == "input" and name and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
            form.fields[name] = has.get("value", "")
        elif tag == "textarea":
            form.fields[name] = ""
            self._into = ("textarea", name)
        elif tag == "select":
            self._into = ("select", name)
        elif tag == "option" and self._into and (self._into[1] not in form.fields or "selected" in has):
            form.fields[self._into[1]] = has["value"]

    def handle_endtag(self, tag: str) -> None:
        assert self.depth[-1:] == [tag], f"</{tag}> closes <{self.depth[-1:]}> at {self.getpos()}"
        self.depth.pop()
        if tag in ("textarea", "select"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into and self._into[0] == "textarea":
            self.forms[-1].fields[self._into[1]] += data.removeprefix("\n")
        elif self.depth[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    def form(self, decision: str = "", *, action: str = "") -> Form:
        """The form of a decision, or the one that goes to an address with this end."""
        found = [
            each
            for each in self.forms
            if (decision and each.decision == decision) or (action and each.action.endswith(action))
        ]
        assert len(found) >= 1, (
            f"no form for {decision or action!r} among {[f.decision or f.action for f in self.forms]}"
        )
        return found[0]

    @property
    def offered(self) -> set[str]:
        """The decisions that a person can make here."""
        return {form.decision for form in self.forms if form.decision}

    def having(self, attribute: str) -> list[str]:
        return [has[attribute] for _, has in self.tags if attribute in has]


@dataclass
class Browser:
    """One person's browser."""

    client: httpx.AsyncClient

    async def open(self, path: str) -> Page:
        return Page(await self.client.get(path))

    async def send(self, form: Form, **typed: str | None) -> Page:
        """Send a form with these fields typed into it; None for one that is not sent."""
        fields = {**form.fields, **typed}
        data = {name: value for name, value in fields.items() if value is not None}
        assert form.method == "post"
        return Page(await self.client.post(form.action, data=data))
