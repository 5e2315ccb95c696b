"""The calls of A2A, for the server of the official SDK. Nothing is kept here: a task is a run, which the store has."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn

from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers import RequestHandler
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskPushNotificationConfig,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import PushNotificationNotSupportedError, TaskNotFoundError, UnsupportedOperationError
from a2a.utils.task import HistoryLengthConfig

from ..callers import Caller, Desk, WhoCalls
from ..callers.authentication import caller_of
from ..callers.caller import RUNS, may
from ..callers.desk import LONGEST_WAIT
from ..callers.seats import Seat
from ..errors import Fault, NotUnderstood, ResponseRefused
from ..protocol import Run, RunState
from .history import history_of
from .listing import Asked
from .messages import Reading, answers_in, input_in, parts_of
from .refusals import translated
from .tasks import ENDS, result_of, status_of, task_of

MOST_HISTORY: Final = 100
"""Messages of a task's history, at most."""


@dataclass(frozen=True, slots=True)
class Handler(RequestHandler):
    """`over` says that the server ends: who follows a task is let go then. `who` is asked again while somebody does."""

    desk: Desk
    who: WhoCalls
    reading: Reading = "text"
    over: Callable[[], bool] = field(default=lambda: False)
    _seats: Counter[str] = field(default_factory=Counter)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def on_message_send(self, params: SendMessageRequest, context: ServerCallContext) -> Task:
        """Start a run, or answer what one waits for. As it stands at its next pause or end, or after a while."""
        with translated():
            _require_no_push(params)
            most = _most(params.configuration)
            wait = 0.0 if params.configuration.return_immediately else LONGEST_WAIT
            run, refused = await self._said(_caller(context), params.message, wait)
            return await self._told(_caller(context), run, most, refused)

    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event, None]:
        """The same, with every change of the task until it pauses or ends."""
        with translated(), self._seat(context):
            _require_no_push(params)
            run, refused = await self._said(_caller(context), params.message, 0.0)
            async for event in self._followed(run, refused, context):
                yield event

    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event, None]:
        """Every change of a task until it pauses or ends."""
        with translated(), self._seat(context):
            run = await self.desk.seen(_caller(context), params.id)
            if run.state in ENDS:
                raise UnsupportedOperationError(f"task {run.id} is over, and nothing more comes of it; get it instead")
            run = await self.desk.gone_on(_caller(context), run, 0.0)
            async for event in self._followed(run, (), context):
                yield event

    async def _said(self, caller: Caller, message: Message, wait: float) -> tuple[Run, tuple[Fault, ...]]:
        if message.task_id:
            return await self._answered(caller, message, wait)
        given = input_in(parts_of(message), self.reading)
        run = await self.desk.start(caller, given, talk=message.context_id, key=message.message_id, wait=wait)
        return run, ()

    async def _answered(self, caller: Caller, message: Message, wait: float) -> tuple[Run, tuple[Fault, ...]]:
        """What became of a task that somebody has said something to, and why what they said was not taken, if so."""
        run = await self.desk.seen(caller, message.task_id)
        if message.context_id and message.context_id != self.desk.talk_of(run):
            raise TaskNotFoundError(f"task {run.id} belongs to another context")
        taken, refused = await self._give(caller, run, message)
        if run.state in ENDS and not taken:
            raise UnsupportedOperationError("; ".join(map(str, (f"task {run.id} is over", *refused))))
        return (await self.desk.gone_on(caller, run, wait) if taken else await self.desk.hitl.run(run.id)), refused

    async def _give(self, caller: Caller, run: Run, message: Message) -> tuple[int, tuple[Fault, ...]]:
        """How many answers were taken (now, or before), and all faults of the others. None waits for another."""
        try:
            given = answers_in(parts_of(message), run.pending)
        except NotUnderstood as exc:
            return 0, exc.faults
        taken, refused = 0, list[Fault]()
        for each in given:
            try:
                await self.desk.answer(caller, run, each)
                taken += 1
            except ResponseRefused as exc:
                refused += [Fault(f"{each.request_id}.{fault.path}".rstrip("."), fault.problem) for fault in exc.faults]
        return taken, tuple(refused)

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task:
        with translated():
            caller = _caller(context)
            return await self._told(caller, await self.desk.seen(caller, params.id), _most(params))

    async def on_cancel_task(self, params: CancelTaskRequest, context: ServerCallContext) -> Task:
        """End a run: what waits in it never runs."""
        with translated():
            caller = _caller(context)
            run = await self.desk.seen(caller, params.id)
            return self._task(await self.desk.cancel(caller, run, "cancelled over A2A"))

    async def on_list_tasks(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """What a caller has started, or may see, newest first. A page may be short: its token goes on."""
        with translated():
            asked = Asked.read(params)
            if not asked.states and params.status:
                return ListTasksResponse(page_size=asked.limit)
            caller = _caller(context)
            page = await self.desk.runs(
                caller, states=asked.states, talk=params.context_id, limit=asked.limit, cursor=asked.cursor
            )
            tasks = [await self._listed(caller, run, params) for run in page.items if asked.keeps(run)]
            whole = page.cursor is None and asked.cursor is None
            return ListTasksResponse(
                tasks=tasks,
                next_page_token=page.cursor or "",
                page_size=asked.limit,
                total_size=len(tasks) if whole else 0,
            )

    # ── what there is not ────────────────────────────────────────────────────────────────────────────────────────

    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        _no_push()

    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        _no_push()

    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        _no_push()

    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        _no_push()

    async def on_get_extended_agent_card(
        self, params: GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> AgentCard:
        raise UnsupportedOperationError("there is no other card than the public one")

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _task(self, run: Run, refused: tuple[Fault, ...] = ()) -> Task:
        return task_of(run, talk=self.desk.talk_of(run), inbox=self.desk.inbox, refused=refused)

    async def _told(self, caller: Caller, run: Run, most: int, refused: tuple[Fault, ...] = ()) -> Task:
        """A task with the last `most` messages of its history."""
        task = self._task(run, refused)
        if most:
            asked = await self.desk.asked_until_now(run, most + len(run.pending))
            talk, inbox = self.desk.talk_of(run), self.desk.inbox
            named = may(caller, RUNS)
            task.history.extend(history_of(run, asked, talk=talk, most=most, inbox=inbox, named=named))
        return task

    async def _listed(self, caller: Caller, run: Run, params: ListTasksRequest) -> Task:
        """A task as a list has it: what it waits for is in it, and what came of it where that is asked for."""
        if run.state is RunState.PAUSED:
            run = await self.desk.hitl.run(run.id)
        task = await self._told(caller, run, _most(params))
        if not params.include_artifacts:
            task.ClearField("artifacts")
        return task

    @contextmanager
    def _seat(self, context: ServerCallContext) -> Iterator[None]:
        """A place to listen from, of those that one caller may have at once."""
        who = _caller(context).responder.id
        seat = Seat(who, self._seats)
        if not seat.is_free:
            raise UnsupportedOperationError(f"{who!r} listens {seat.most} times already; end one, or get the task")
        with seat:
            yield

    async def _followed(
        self, run: Run, refused: tuple[Fault, ...], context: ServerCallContext
    ) -> AsyncGenerator[Event, None]:
        """A task, then what changes in it, as long as who follows may still see it."""
        yield self._task(run, refused)
        while run.state.at_work and not self.over():
            before, run = run, await self.desk.standing(run, LONGEST_WAIT, over=self.over)
            if (caller := await self.who(context.state["request"])) is None:
                return
            run = await self.desk.seen(caller, run.id)
            if run.updated_at != before.updated_at or run.state is not before.state:
                for event in self._changed(run):
                    yield event

    def _changed(self, run: Run) -> list[Event]:
        talk = self.desk.talk_of(run)
        events: list[Event] = []
        if run.state is RunState.COMPLETED:
            result = result_of(run)
            events.append(TaskArtifactUpdateEvent(task_id=run.id, context_id=talk, artifact=result, last_chunk=True))
        status = status_of(run, talk=talk, inbox=self.desk.inbox)
        return [*events, TaskStatusUpdateEvent(task_id=run.id, context_id=talk, status=status)]


def _caller(context: ServerCallContext) -> Caller:
    return caller_of(context.state["request"])


def _most(asks: HistoryLengthConfig) -> int:
    """How many messages of its history a task is asked for with; without a word, none. Raises NotUnderstood."""
    if asks.history_length < 0:
        raise NotUnderstood([Fault("history_length", "is below 0; say how many messages there may be, or nothing")])
    return min(asks.history_length, MOST_HISTORY)


def _require_no_push(params: SendMessageRequest) -> None:
    """Raises PushNotificationNotSupportedError before anything is done: nobody is to wait for what never comes."""
    if params.configuration.HasField("task_push_notification_config"):
        _no_push()


def _no_push() -> NoReturn:
    raise PushNotificationNotSupportedError(
        "nothing is sent from here to addresses that a client names; subscribe instead"
    )
