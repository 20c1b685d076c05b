"""The small parts of a definition: retries, misfires, deadline, dependencies, and what is kept of it."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from mission_control.model.definitions.schedules.clock.calendar_words import parse_time
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.fields import (
    FrozenModel,
    Instant,
    Line,
    Seconds,
    Span,
    TaskId,
    ZoneName,
    checked_by,
)

MOST_RETRIES = 10_000
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,63}")
_MOST_CHANNELS = 32

Event = Literal["failure", "recovery", "missed", "skipped", "late", "idle", "budget", "paused", "success"]


class RetryPolicy(FrozenModel):
    """How often, and how soon, a failed attempt is repeated.

    `max_retries` counts the attempts after the first: 0 means none. `backoff` "fixed" waits
    `retry_delay_seconds` each time; "exponential" doubles it from retry to retry, up to
    `max_delay_seconds`, which a fixed delay ignores. With `jitter` each wait is a random time between
    zero and that delay, so that runs which failed together are not retried together.
    """

    max_retries: int = Field(default=3, ge=0, le=MOST_RETRIES)
    retry_delay_seconds: Seconds = 300
    backoff: Literal["fixed", "exponential"] = "fixed"
    max_delay_seconds: Seconds = 3600
    jitter: bool = False


class Misfire(FrozenModel):
    """How a task catches up after a downtime.

    `policy`: "latest" runs the newest missed occurrence, "all" runs the `max_catch_up` newest, oldest first,
    and "skip" runs none. An occurrence older than `grace_seconds` is not run. The occurrences start
    `stagger_seconds` apart.
    """

    policy: Literal["latest", "all", "skip"] = "latest"
    grace_seconds: Seconds = 86_400
    max_catch_up: int = Field(default=100, ge=0, le=10_000)
    stagger_seconds: Seconds = 0


class Deadline(FrozenModel):
    """A run that passes one of these is late, and goes on.

    `start_within` and `finish_within` count from when the run is due. `finish_by` is the next such time of
    day after that, in `timezone`, by default that of the schedule.
    """

    start_within: Span | None = None
    finish_within: Span | None = None
    finish_by: Annotated[str, checked_by(parse_time)] | None = None
    timezone: ZoneName | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.start_within is None and self.finish_within is None and self.finish_by is None:
            raise ValueError('say when: "start_within", "finish_within" or "finish_by"; null for no deadline')
        return self

    def of_run(self, timezone: str) -> dict[str, Any]:
        """Return it as a run of the task carries it; `timezone` is that of the task's schedule."""
        return {"timezone": timezone, **self.model_dump(mode="json")}

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = dump(self)
        return {name: value for name, value in data.items() if value is not None}


class Dependency(FrozenModel):
    """Another task whose runs start this one: when they succeed, fail, do either, or end in any way at all.

    With `within` its latest matching end counts, up to so many seconds from that of the others.
    """

    task: TaskId
    on: Literal["success", "failure", "finished", "any"] = "success"
    within: Span | None = None

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = dump(self)
        return data if self.within is not None else {"task": self.task, "on": self.on}


class Metadata(FrozenModel):
    """When and by whom a task was created and last changed; None where that is not known yet.

    `revision` counts the task's versions from 1.
    """

    created: Instant | None = None
    created_by: Line | None = None
    last_modified: Instant | None = None
    revision: int = Field(default=1, ge=1)


class ExecutionHistory(FrozenModel):
    """A summary of the task's runs, as of the moment it was read.

    A definition may have it, because the file format does, but the ledger's values are the true ones. What
    was not fired, the state, the problem of a quarantined task, and the issues that `task list` shows are not
    written to files.
    """

    last_run: Instant | None = None
    next_run: Instant | None = None
    total_runs: int = Field(default=0, ge=0)
    success_count: int = Field(default=0, ge=0)
    failure_count: int = Field(default=0, ge=0)
    skipped_count: int = Field(default=0, ge=0, exclude=True)
    missed_count: int = Field(default=0, ge=0, exclude=True)
    consecutive_skips: int = Field(default=0, ge=0, exclude=True)
    state: Line | None = Field(default=None, exclude=True)
    problem: str | None = Field(default=None, exclude=True)
    issues: list[dict[str, str]] | None = Field(default=None, exclude=True)


def _channel(value: str) -> str:
    if not _CHANNEL.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is not a channel's name; use up to 64 letters, digits and underscores, as "
            "in the setting MISSION_CONTROL_NOTIFY_<CHANNEL>"
        )
    return value


Channel = Annotated[str, AfterValidator(_channel)]


class Notify(FrozenModel):
    """Which events are sent to which channels; an empty list sends nothing.

    What still fails is sent again every `remind_every` seconds, None for never. With `digest` everything that
    happens within so many seconds is one message.
    """

    on: tuple[Event, ...] = Field(default=("failure",), strict=False, max_length=_MOST_CHANNELS)
    to: tuple[Channel, ...] = Field(default=("default",), strict=False, max_length=_MOST_CHANNELS)
    remind_every: Annotated[Span, Field(ge=60)] | None = None
    digest: Annotated[Span, Field(ge=60)] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels as settings name them, each once."""
        return tuple(dict.fromkeys(one.lower() for one in self.to))
