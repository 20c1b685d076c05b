"""What a request for a run may say, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NotRequired, Self, TypedDict

from mission_control.dispatch.arguments import bad_argument
from mission_control.errors import MissionControlError
from mission_control.model.policies.debounce import Edge
from mission_control.model.problems.messages import shown
from mission_control.model.problems.suggestions import did_you_mean, quoted

if TYPE_CHECKING:
    from mission_control.dispatch.run_handle import Run


class DebounceOptions(TypedDict):
    """How requests with the same `key` become one run; `delay` and `max_delay` as in `enqueue`."""

    key: str
    delay: timedelta | float | str
    max_delay: NotRequired[timedelta | float | str | None]
    edge: NotRequired[Edge]


class EnqueueRequest(TypedDict):
    """A request of `enqueue_many`: the arguments of `enqueue`, by their names."""

    task_id_or_handler: str
    params: NotRequired[Mapping[str, Any] | None]
    at: NotRequired[datetime | str | None]
    delay: NotRequired[timedelta | float | str | None]
    expires: NotRequired[timedelta | float | str | None]
    queue: NotRequired[str | None]
    priority: NotRequired[int | None]
    overlap: NotRequired[Literal["queue", "allow"] | None]
    limits: NotRequired[Sequence[str | Mapping[str, Any]] | None]
    debounce: NotRequired[DebounceOptions | None]
    idempotency_key: NotRequired[str | None]


class EnqueueResult(NamedTuple):
    """What became of a request of `enqueue_many`.

    `created`: `run` was entered. `existing`: `run` is that of an earlier request with the same
    `idempotency_key`, or that a debounced request joined. `refused`: `error` says why; there is no run.
    """

    outcome: Literal["created", "existing", "refused"]
    run: Run | None
    error: MissionControlError | None

    @classmethod
    def of(cls, found: Run | MissionControlError) -> Self:
        """Return the result of a request that became a run, or was refused."""
        if isinstance(found, MissionControlError):
            return cls("refused", None, found)
        return cls("created" if found.created else "existing", found, None)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """When a run is due and how it travels; what is None is the task's, or now.

    `at` is an aware datetime, or words in the installation's time zone: "tomorrow 09:00". `delay` and
    `expires` are seconds, a timedelta, or words: "5m"; at most one of `at`, `delay` and `debounce` is
    given. `priority` is 0 (first) to 9 (last), as Celery has it on Redis. `overlap` says what a task's run
    does while another run of the task is active: "queue" waits for its end, "allow" starts at once.
    `limits` are those of the run. A run that has not started `expires` after it is due does not start.
    """

    at: datetime | str | None = None
    delay: timedelta | float | str | None = None
    expires: timedelta | float | str | None = None
    queue: str | None = None
    priority: int | None = None
    overlap: Literal["queue", "allow"] | None = None
    limits: Sequence[str | Mapping[str, Any]] | None = None
    debounce: DebounceOptions | None = None


NO_OPTIONS: Final = RunOptions()
_OF_RUN: Final = ("task_id_or_handler", "params", "idempotency_key")
_NAMES: Final = frozenset({*_OF_RUN, *(one.name for one in fields(RunOptions))})


def taken_apart(request: object) -> tuple[Any, Any, Any, RunOptions]:
    """Return what a request names, its params, its idempotency key and its options.

    Raises:
        InvalidTaskError: it is no object, or has a field that `enqueue` does not know.
    """
    if not isinstance(request, Mapping):
        raise bad_argument(
            "", f"{shown(request)} is no request: give an object of the arguments of `enqueue`"
        )
    rest = dict(request)
    name, params, key = (rest.pop(one, None) for one in _OF_RUN)
    if unknown := rest.keys() - _NAMES:
        odd = min(map(str, unknown))
        raise bad_argument("", f"`enqueue` has no argument {quoted(odd)}{did_you_mean(odd, _NAMES)}")
    return name, params, key, RunOptions(**rest) if rest else NO_OPTIONS
