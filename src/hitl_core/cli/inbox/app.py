"""The whole screen: what waits, one request, and a key for each decision. No key decides while something is typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import ClassVar, TypeVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widgets import Footer, Header, OptionList, Static
from textual.widgets.option_list import Option

from ...channels.verbs import DO
from ...checks import authorise, check
from ...commands import Settled
from ...errors import Fault, FaultyError, HitlError
from ...protocol import (
    Accept,
    Choose,
    Decision,
    DraftVersion,
    Edit,
    PauseRequest,
    Reply,
    Responder,
    Response,
    decision_of,
)
from ...quorum import asked_now
from ...runtime import Runtime
from ..terminal.render import shown
from .asking import Asking
from .holding import Holding
from .replies import COMMENT, KEYS, PUT_OFF, Form, form_for
from .views import page, row

T = TypeVar("T")

MOST = 200
"""Requests that are listed at once."""

_SOONEST = 0.01
"""Seconds: Textual has no timer that is shorter."""

_NAMES = {"?": "question_mark"}
"""What Textual calls a key."""


class InboxApp(App[None]):
    """What waits for `who`. `undo`: seconds in which an answer can be taken back; `changed` returns after a change."""

    TITLE = "hitl inbox"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
        *[Binding(_NAMES.get(key, key), f"reply('{reply}')", DO[reply]) for reply, key in KEYS.items()],
        *[Binding(str(number), f"choose({number})", "choose", show=number == 1) for number in range(1, 10)],
        Binding("z", "defer", "put off"),
        Binding("c", "comment", "comment"),
        Binding("u", "undo", "undo"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(
        self,
        hitl: Runtime,
        who: Responder,
        *,
        changed: Callable[[], Awaitable[None]],
        undo: float = 5.0,
        known: bool = False,
    ) -> None:
        """`known`: who somebody is, and may decide, is known where it is judged: by a directory, or a server."""
        super().__init__()
        self._hitl = hitl
        self._who = who
        self._changed = changed
        self._undo = undo
        self._known = known
        self._items: dict[str, Settled] = {}
        self._draft: tuple[DraftVersion, ...] = ()
        self._shown: Settled | None = None
        self._holding = Holding(self._give, self._after)
        self.sub_title = shown(who.id).plain

    # ── the screen ───────────────────────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="both"):
            yield OptionList(id="queue", markup=False)
            with VerticalScroll(id="request", can_focus=False):
                yield Static(id="shown")
        yield Static(id="status")
        yield Footer()

    def on_mount(self) -> None:
        self._queue.focus()
        self.run_worker(self._follow(), name="follow")

    def on_resize(self) -> None:
        self.set_class(self.size.width < 100, "narrow")

    @property
    def _queue(self) -> OptionList:
        return self.query_one("#queue", OptionList)

    async def _follow(self) -> None:
        """Look again after each change. A store that is away is said, and asked again."""
        while True:
            try:
                await self._load()
            except HitlError as exc:
                self._say(Text.assemble(("the inbox cannot be read: ", "bold red"), shown(str(exc))))
            await self._changed()

    async def _load(self) -> None:
        by = self._who if self._known or self._who.roles else None
        page = await self._hitl.inbox(limit=MOST, by=by)
        self._items = {each.request.id: each for each in page.items}
        self._list(more=page.cursor is not None)
        await self._look()

    def _list(self, *, more: bool) -> None:
        """The list anew, with the same one chosen, or the one that has come in its place."""
        queue, now = self._queue, self._hitl.clock.now()
        place, chosen = queue.highlighted or 0, self._chosen_id
        queue.clear_options()
        queue.add_options(
            [
                Option(row(each, now=now, held=each.request.id in self._holding), id=id)
                for id, each in self._items.items()
            ]
        )
        if self._items:
            ids = list(self._items)
            queue.highlighted = ids.index(chosen) if chosen in self._items else min(place, len(ids) - 1)
        count = f"{len(self._items)}{' or more' if more else ''}"
        self.sub_title = f"{shown(self._who.id).plain}: {count} waiting"

    @property
    def _chosen_id(self) -> str | None:
        queue = self._queue
        return None if queue.highlighted is None else queue.get_option_at_index(queue.highlighted).id

    async def on_option_list_option_highlighted(self) -> None:
        await self._look()

    async def _look(self) -> None:
        """Show the chosen request, with what was said about it."""
        self._shown = self._items.get(self._chosen_id or "")
        self._draft = ()
        if self._shown is None:
            said: list[RenderableType] = [Text("Nothing waits for you.", "dim")]
        else:
            request = self._shown.request
            self._draft = () if request.draft is None else await self._hitl.draft(request.id)
            comments = await self._hitl.comments(request.id)
            said = page(self._shown, self._draft, comments, now=self._hitl.clock.now())
        self.query_one("#shown", Static).update(Group(*said))
        self.refresh_bindings()

    def _say(self, words: Text | str = "") -> None:
        self.query_one("#status", Static).update(words)

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be said about this request has a key; none has one while something is typed."""
        if action not in ("reply", "choose", "defer", "comment", "undo", "move"):
            return True
        if len(self.screen_stack) > 1:
            return False
        if action in ("move", "undo"):
            return True
        request = None if self._shown is None else self._shown.request
        if request is None or request.id in self._holding:
            return False
        match action, parameters:
            case "reply", (str() as reply,):
                return reply in request.allowed or (reply == Reply.DELEGATE and bool(request.allowed))
            case "choose", (int() as number,):
                return Reply.CHOOSE in request.allowed and number <= len(request.options)
            case _:
                return True

    def action_move(self, by: int) -> None:
        if by > 0:
            self._queue.action_cursor_down()
        else:
            self._queue.action_cursor_up()

    def action_choose(self, number: int) -> None:
        if self._shown is not None:
            self._hold(self._shown, Choose(option=self._shown.request.options[number - 1].id))

    def action_reply(self, name: str) -> None:
        settled, reply = self._shown, Reply(name)
        if settled is None:
            return
        form = form_for(reply, settled.request, self._draft[-1].arguments if self._draft else None)
        if form is None:
            self._hold(settled, self._alone(reply))
        elif reply is Reply.EDIT and self._draft:
            self._change(settled.request, form, self._draft[-1].number)
        else:
            self.push_screen(
                Asking(form, lambda said: self._faults(settled, said)),
                lambda said: None if said is None else self._hold(settled, said),
            )

    def _alone(self, reply: Reply) -> Decision:
        """A decision that needs no more: of a shared draft the newest version that is shown."""
        if reply is Reply.ACCEPT and self._draft:
            return Accept(version=self._draft[-1].number, arguments=self._draft[-1].arguments)
        return decision_of({"type": reply})

    def action_undo(self) -> None:
        taken = self._holding.take_back()
        if taken is None:
            return
        self._say(Text(f"taken back: nothing was decided ({DO[Reply(taken.decision.type)]})", "dim"))
        self._mark()

    async def action_quit(self) -> None:
        """What nobody has taken back is given before the screen is left."""
        await self._holding.give_all()
        self.exit()

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────────

    def _response(self, settled: Settled, decision: Decision) -> Response:
        return Response.to(settled.request, decision, by=self._who, at=self._hitl.clock.now())

    def _faults(self, settled: Settled, decision: Decision) -> list[Fault]:
        """What can be seen here to be wrong; the store looks once more."""
        response = self._response(settled, decision)
        faults = check(settled.request, response)
        if self._known:
            return faults
        asked = asked_now(settled.request, settled.votes, response, self._hitl.clock.now())
        return authorise(settled.request, response, asked, settled.votes) + faults

    def _hold(self, settled: Settled, decision: Decision) -> None:
        faults = self._faults(settled, decision)
        if faults:
            self._say(Text("\n").join(shown(str(fault), "red") for fault in faults))
            return
        self._holding.hold(self._response(settled, decision), self._undo)
        word = DO[Reply(decision.type)]
        self._say(
            Text.assemble((f"{word}: ", "bold"), shown(settled.request.title), f"   u undoes it ({self._undo:g} s)")
        )
        self._mark()
        self._queue.action_cursor_down()

    def _mark(self) -> None:
        """Show which are held."""
        now = self._hitl.clock.now()
        for index, each in enumerate(self._items.values()):
            self._queue.replace_option_prompt_at_index(index, row(each, now=now, held=each.request.id in self._holding))
        self.refresh_bindings()

    async def _give(self, response: Response) -> None:
        word = DO[Reply(response.decision.type)]
        try:
            recorded = await self._hitl.respond(response)
        except FaultyError as exc:
            self._say(Text("\n").join([Text(f"{word}: not taken", "bold red"), *(shown(str(f)) for f in exc.faults)]))
        except HitlError as exc:
            self._say(Text.assemble((f"{word}: not taken: ", "bold red"), shown(str(exc))))
        else:
            title, state = shown(recorded.settled.request.title), recorded.settled.state
            self._say(Text.assemble((f"{word}: ", "bold green"), title, f" is {state.replace('_', ' ')}"))
        if self.is_running:
            await self._load()

    def _after(self, seconds: float, due: Callable[[], Awaitable[None]]) -> Timer:
        return self.set_timer(max(seconds, _SOONEST), due)

    # ── what decides nothing ─────────────────────────────────────────────────────────────────────────────────

    def _change(self, request: PauseRequest, form: Form[Decision], base: int) -> None:
        """Make the next version of a shared draft."""

        async def change(decision: Decision) -> str:
            assert isinstance(decision, Edit)
            await self._hitl.change_draft(request.id, decision.arguments, base=base, by=self._who)
            return "that is the next version; nothing is decided until somebody accepts it"

        self._ask_for(form, change)

    def action_defer(self) -> None:
        async def defer(gap: timedelta) -> str:
            assert self._shown is not None
            until = self._hitl.clock.now() + gap
            await self._hitl.defer(self._shown.request.id, until=until, by=self._who)
            return "put off; its deadline stays"

        self._ask_for(PUT_OFF, defer)

    def action_comment(self) -> None:
        async def comment(text: str) -> str:
            assert self._shown is not None
            await self._hitl.comment(self._shown.request.id, text, by=self._who)
            return "said; it is no vote"

        self._ask_for(COMMENT, comment)

    def _ask_for(self, form: Form[T], act: Callable[[T], Awaitable[str]]) -> None:
        """Ask, then do it, and say what came of it."""

        async def done(made: T) -> None:
            try:
                self._say(await act(made))
            except HitlError as exc:
                self._say(shown(str(exc), "red"))
            await self._load()

        def said(made: T | None) -> None:
            if made is not None:
                self.run_worker(done(made))

        self.push_screen(Asking(form), said)
