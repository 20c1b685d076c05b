"""What a request for a run may say, and what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NotRequired, Self, TypedDict

from pydantic import ValidationError

from mission_control.errors import InvalidTaskError, MissionControlError, Problem
from mission_control.model.definitions.named_limit import LimitUses
from mission_control.model.policies.overlap import Debounce, Edge
from mission_control.model.problems.json_values import json_copy
from mission_control.model.problems.messages import shown
from mission_control.model.problems.problems import problems_of
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.durations import LONGEST_SECONDS, parse_duration
from mission_control.model.values.identifiers import queue_name_problem
from mission_control.model.values.zones import zone

if TYPE_CHECKING:
    from mission_control.dispatch.run_handle import Run

_SORTED: Final = json.JSONEncoder(sort_keys=True)
_PRIORITIES: Final = range(10)
_LONGEST_KEY: Final = 255
_LONGEST_DELAY: Final = timedelta(seconds=LONGEST_SECONDS)
_OF_DEBOUNCE: Final = ("key", "delay", "max_delay", "edge")
_OF_RUN: Final = ("task_id_or_handler", "params", "idempotency_key")


def checked_params(params: object) -> dict[str, Any]:
    """Return a copy of params as JSON would give them back."""
    if not isinstance(params, Mapping):
        raise bad_argument("params", f"{shown(params)} is not an object of names and values")
    return json_copy(params)


def check_key(key: object, argument: str = "idempotency_key") -> None:
    """Check the key of requests that belong together."""
    is_key = isinstance(key, str) and key.isprintable() and key.strip() != "" and len(key) <= _LONGEST_KEY
    if not is_key:
        raise bad_argument(argument, f"{shown(key)} is no key; use text of 1 to {_LONGEST_KEY} characters")


def fingerprint(params: Mapping[str, Any] | None) -> str:
    """Return what equal params have in common, which are checked already; none at all equal empty ones."""
    text = _SORTED.encode({} if params is None else params)
    return hashlib.sha256(text.encode()).hexdigest()


def due_time(now: datetime, at: object, delay: object, timezone: str = "UTC") -> datetime:
    """Return when a run is due: now, at an aware datetime, or after a delay.

    Both may be words; a moment in words is in `timezone`.
    """
    if at is not None and delay is not None:
        raise bad_argument("at", "give either at or delay, not both")
    if isinstance(at, str):
        at = _instant(at, now, timezone)
    if at is not None:
        if not isinstance(at, datetime):
            raise bad_argument(
                "at", f"{shown(at)} is no instant; use an aware datetime, or delay for a time from now"
            )
        if at.utcoffset() is None:
            raise bad_argument("at", f"{at} has no time zone; use an aware datetime")
        if at > now + _LONGEST_DELAY:
            raise bad_argument("at", f"{at} is more than {_LONGEST_DELAY.days:,} days ahead")
        return now if at <= now else at.astimezone(UTC)
    return now if delay is None else now + span("delay", delay)


def _instant(text: str, now: datetime, timezone: str) -> datetime:
    from mission_control.model.definitions.schedules.clock.wall_clock import only_instant
    from mission_control.model.definitions.schedules.shorthand.moments import spoken_moment

    here = zone(timezone)
    try:
        return only_instant(spoken_moment(text, now, here), here)
    except ValueError as error:
        raise bad_argument("at", str(error)) from error


def span(argument: str, given: Any, *, may_be_zero: bool = True) -> timedelta:  # noqa: ANN401  # the caller's
    """Return a duration that was given in seconds, as a timedelta, or in words."""
    if isinstance(given, bool):
        raise bad_argument(argument, f"{shown(given)} is no number of seconds")
    try:
        seconds = parse_duration(given) if isinstance(given, str) else given
        wait = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
    except (TypeError, ValueError, OverflowError) as error:
        fault = str(error) if isinstance(given, str) else f"{shown(given)} is no number of seconds: {error}"
        raise bad_argument(argument, fault) from error
    if not timedelta(0) <= wait <= _LONGEST_DELAY:
        raise bad_argument(argument, f"{wait} is not between zero and {_LONGEST_DELAY.days:,} days")
    if not (wait or may_be_zero):
        raise bad_argument(argument, "it is zero; give it a length, or leave it out")
    return wait


def debounce_of(given: object) -> Debounce:
    """Return how a request is debounced."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise bad_argument(
            "debounce", f'{shown(given)} is not an object such as {{"key": "tea", "delay": 5}}'
        )
    if unknown := [name for name in given if name not in _OF_DEBOUNCE]:
        raise bad_argument("debounce", f"it has no {unknown[0]!r}{did_you_mean(unknown[0], _OF_DEBOUNCE)}")
    if missing := [name for name in ("key", "delay") if given.get(name) is None]:
        raise bad_argument(f"debounce.{missing[0]}", "it is missing")
    check_key(given["key"], "debounce.key")
    delay = span("debounce.delay", given["delay"], may_be_zero=False)
    longest = given.get("max_delay")
    max_delay = _LONGEST_DELAY if longest is None else span("debounce.max_delay", longest)
    if max_delay < delay:
        raise bad_argument("debounce.max_delay", f"{max_delay} is shorter than delay, which is {delay}")
    edge = given.get("edge", "trailing")
    if edge not in ("trailing", "leading"):
        raise bad_argument("debounce.edge", f'{shown(edge)} is neither "trailing" nor "leading"')
    return Debounce(given["key"], delay, max_delay, edge)


def route_problems(queue: object, priority: object, overlap: object = None) -> list[Problem]:
    """Return what is wrong with queue, priority and overlap; None stands for those of the task."""
    problems = []
    if queue is not None and not (isinstance(queue, str) and queue_name_problem(queue) is None):
        problems.append(Problem("queue", f"{shown(queue)} is no name of a queue that workers serve"))
    if priority is not None and not (type(priority) is int and priority in _PRIORITIES):
        problems.append(Problem("priority", f"{shown(priority)} is none of 0 (first) … 9 (last)"))
    if overlap not in (None, "queue", "allow"):
        problems.append(Problem("overlap", f'{shown(overlap)} is neither "queue" nor "allow"'))
    return problems


def limit_uses(limits: object) -> list[list[Any]] | None:
    """Return the limits that a caller gives a run, as a run has them."""
    try:
        uses = LimitUses.model_validate({"limits": limits}).limits
    except ValidationError as error:
        raise InvalidTaskError(problems_of(error, LimitUses), subject="enqueue") from error
    return [[one.name, one.weight] for one in uses] or None


def bad_argument(argument: str, problem: str) -> InvalidTaskError:
    """Return the error that an argument cannot be used."""
    return InvalidTaskError([Problem(argument, problem)], subject="enqueue")


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
