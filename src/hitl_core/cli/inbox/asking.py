"""The screen on which a decision is asked for what it still needs. What is wrong stands beside its field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, TextArea

from ...errors import Fault
from ..terminal.render import shown
from .replies import Field, FieldFaults, Form

T = TypeVar("T")

_LONG = 60
"""Characters from which on a value has several lines to be typed in."""


class Asking(ModalScreen[T | None], Generic[T]):
    """Asks until what was typed makes something in which `check` sees no fault; None if the person thinks better."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("ctrl+s", "send", "Send"),
    ]

    def __init__(self, form: Form[T], check: Callable[[T], list[Fault]] = lambda made: []) -> None:
        super().__init__()
        self._form = form
        self._check = check

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="form"):
            yield Label(Text(self._form.title, "bold red" if self._form.danger else "bold"))
            for number, field in enumerate(self._form.fields):
                yield Label(_label(field))
                yield _widget(field, f"field-{number}")
                yield Label("", id=f"fault-{number}", classes="fault")
            yield Label("", id="fault", classes="fault")
            with Horizontal(id="buttons"):
                yield Button("Send  ^s", id="send", variant="error" if self._form.danger else "primary")
                yield Button("Back  esc", id="leave")

    def on_mount(self) -> None:
        self.query_one("#field-0").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "send":
            self.action_send()
        else:
            self.action_leave()

    def on_input_submitted(self) -> None:
        """Enter goes to the next field; the only one sends."""
        if len(self._form.fields) == 1:
            self.action_send()
        else:
            self.focus_next()

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_send(self) -> None:
        """Make what was asked for of what was typed, or show everything that is wrong with it."""
        try:
            made = self._form.make({field.name: _typed(widget) for field, widget in self._asked()})
        except FieldFaults as exc:
            self._complain(exc.faults)
            return
        faults = self._check(made)
        if faults:
            self._complain(faults)
        else:
            self.dismiss(made)

    def _asked(self) -> Iterator[tuple[Field, Widget]]:
        for number, field in enumerate(self._form.fields):
            yield field, self.query_one(f"#field-{number}")

    def _complain(self, faults: list[Fault]) -> None:
        """Each fault beside the field that it is about, the rest below all of them."""
        left = list(faults)
        for number, field in enumerate(self._form.fields):
            mine = [fault for fault in left if field.name in fault.path.split(".")]
            left = [fault for fault in left if fault not in mine]
            self._say(f"#fault-{number}", [fault.problem for fault in mine])
        self._say("#fault", [str(fault) for fault in left])

    def _say(self, where: str, problems: list[str]) -> None:
        self.query_one(where, Label).update(shown("; ".join(problems)))


def _label(field: Field) -> Text:
    kind = " or ".join(sorted(field.types - {"text"}))
    made = shown(field.label, "bold")
    return made.append(f"  {kind}{', optional' if field.absent else ''}", "dim") if kind or field.absent else made


def _widget(field: Field, id: str) -> Widget:
    if field.choices:
        value = field.value if field.value in field.choices else Select.NULL
        return Select([(shown(each).plain, each) for each in field.choices], value=value, id=id)
    if len(field.value) > _LONG or "\n" in field.value or field.types == {"object"}:
        return TextArea(field.value, id=id)
    return Input(field.value, id=id)


def _typed(widget: Widget) -> str:
    match widget:
        case TextArea():
            return widget.text
        case Input():
            return widget.value
        case Select():
            return "" if widget.value is Select.NULL else str(widget.value)
        case _:
            raise TypeError(type(widget).__name__)
