"""Requests for runs: entering them, each once, and their messages with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from mission_control.ledger.run_reader import RunReader
from mission_control.model.policies.deadlines import first_deadline
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import ACTIVE_STATES, KEEPS_ITS_KEY, RunState, joined
from mission_control.model.values.instants import from_unix
from mission_control.signing.keyring import Keyring
from mission_control.signing.run_specs import signed_spec
from mission_control.store import redis_keys
from mission_control.store.sent_script import send_script

if TYPE_CHECKING:
    from mission_control.model.policies.overlap import Edge

_KEYS_OF_TASK: Final = (
    redis_keys.task_runs,
    redis_keys.other_active_of_task,
    redis_keys.waiting_of_task,
    redis_keys.requested_of_task,
)
_KEYS: Final = (
    redis_keys.ACTIVE_RUNS,
    redis_keys.FIRST_ACTIVE_RUNS,
    redis_keys.PARKED,
    redis_keys.PARKED_PAYLOADS,
)
_COMMON: Final = (
    *(redis_keys.run(""), joined(ACTIVE_STATES), joined(KEEPS_ITS_KEY), RunState.DISPATCHED),
    *(redis_keys.WAKE_CHANNEL, redis_keys.task_runs("\0").split("\0")[0]),
    *(key("\0").split("\0")[1] for key in _KEYS_OF_TASK),
)


class Delivery(NamedTuple):
    """A message that is sent as its run is entered: now, or at `release_at` (Unix seconds)."""

    queue_key: str
    payload: str
    release_at: float | None = None


class Window(NamedTuple):
    """The window of debounced requests; `takes_over` is its run if that stands for this request, too."""

    key: str
    edge: Edge
    delay: float
    longest: float
    takes_over: str = ""


class RunRequest(NamedTuple):
    """A run to enter; `entered_at` and `due_at` are in Unix seconds, `fields` is what changes of a run."""

    execution_id: str
    task_id: str
    entered_at: float
    due_at: float
    overlap: Literal["overlaps", "waits", ""]
    is_held: bool
    spec: Mapping[str, str]
    fields: Sequence[str]
    idempotency_key: str = ""
    fingerprint: str = ""
    delivery: Delivery | None = None
    window: Window | None = None
    entry: tuple[str, str] = "", ""
    """The key of the task's entry and the digest of its text, "" for none; otherwise it is not entered."""

    @classmethod
    def of(cls, run: RunRecord) -> RunRequest:
        """Return the request for a run without a message; no message begins it before it is due."""
        return cls(
            run.execution_id,
            run.task_id,
            run.dispatched_at.timestamp(),
            run.scheduled_time.timestamp(),
            "" if run.revision is None else "overlaps" if run.overlaps else "waits",
            run.trigger is not Trigger.PLAIN,
            run.spec(),
            [*chain.from_iterable(run.changing().items())],
        )


class Answer(StrEnum):
    """What became of a request; see `enter_runs.lua`."""

    ENTERED = "entered"
    KEY = "key"
    EXISTS = "exists"
    JOINED = "joined"
    WINDOW = "window"
    TASK = "task"
    ERROR = "error"


class Reply(NamedTuple):
    """The answer to a request, and what it is about."""

    answer: Answer
    text: str
    more: str


@dataclass(frozen=True)
class Entered:
    """A run that was entered, and which run it waits for."""

    execution_id: str
    waits_for: str | None = None


class RunRequests(RunReader):
    """The ledger, for producers."""

    keyring: Keyring
    retention_seconds: int

    def dispatch(self, run: RunRecord) -> Entered | None:
        """Enter a run before its message is sent; None if it exists already."""
        (reply,) = self.enter([RunRequest.of(run)])
        is_entered = reply.answer is Answer.ENTERED
        return Entered(run.execution_id, reply.text or None) if is_entered else None

    def enter(self, requests: Sequence[RunRequest]) -> list[Reply]:
        """Enter runs in one step, with their messages, and return a reply for each.

        One that cannot be entered does not keep the others from it; a single one raises the error.
        """
        return _replies(self._script("enter_runs")(keys=_KEYS, args=self._packed(requests)))

    def begin_to_enter(self, requests: Sequence[RunRequest]) -> Callable[[], list[Reply]]:
        """Send runs to be entered as `enter` does, and return what waits for the replies."""
        answer = send_script(self._script("enter_runs"), _KEYS, self._packed(requests))
        return lambda: _replies(answer())

    def forget_key(self, idempotency_key: str) -> None:
        """Let a key be used again."""
        self._client.delete(redis_keys.idempotency(idempotency_key))

    def _packed(self, requests: Sequence[RunRequest]) -> list[bytes]:
        import msgpack  # few commands of the command line enter runs

        # Before the runs, so that no kill leaves one without; beat drops a note of no run.
        if first := dict(_first_deadlines(requests)):
            self._client.zadd(redis_keys.DEADLINES, first, nx=True)
        return [
            msgpack.packb(one) for one in ([self.retention_seconds, *_COMMON], *map(self._written, requests))
        ]

    def _written(self, one: RunRequest) -> list[Any]:
        queue, payload, release_at = one.delivery if one.delivery is not None else ("", "", None)
        key, window = one.idempotency_key, one.window
        return [
            *one[:5],
            "1" if one.is_held else "",
            signed_spec(one.spec, self.keyring),
            one.fields,
            redis_keys.idempotency(key) if key else "",
            f"{one.execution_id} {one.fingerprint}",
            *(queue, payload, "" if release_at is None else release_at),
            "" if window is None else [redis_keys.debounce(window.key), *window[1:]],
            *one.entry,
        ]


def _replies(answers: Any) -> list[Reply]:  # noqa: ANN401  # the script's
    return [Reply(Answer(answer), text, more) for answer, text, more in answers]


def _first_deadlines(requests: Sequence[RunRequest]) -> Iterator[tuple[str, float]]:
    for one in requests:
        if "deadline" in one.spec:
            first = first_deadline(orjson.loads(one.spec["deadline"]), from_unix(one.due_at))
            if first is not None:
                yield one.execution_id, first
