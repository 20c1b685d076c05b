"""The arguments of `enqueue`: each is checked, and an error names it. All raise `InvalidTaskError`."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.definitions.named_limit import LimitUses
from mission_control.model.problems.json_values import json_copy
from mission_control.model.problems.messages import shown
from mission_control.model.problems.problems import problems_of
from mission_control.model.values.durations import LONGEST_SECONDS, parse_duration
from mission_control.model.values.identifiers import queue_name_problem
from mission_control.model.values.zones import zone

_PRIORITIES: Final = range(10)
_LONGEST_KEY: Final = 255
_LONGEST_DELAY: Final = timedelta(seconds=LONGEST_SECONDS)


def checked_params(params: object) -> dict[str, Any]:
    """Return a copy of params as JSON would give them back."""
    if not isinstance(params, Mapping):
        raise bad_argument("params", f"{shown(params)} is not an object of names and values")
    return json_copy(params)


def check_key(key: object) -> None:
    """Check an idempotency key."""
    is_key = isinstance(key, str) and key.isprintable() and key.strip() != "" and len(key) <= _LONGEST_KEY
    if not is_key:
        raise bad_argument(
            "idempotency_key", f"{shown(key)} is no key; use text of 1 to {_LONGEST_KEY} characters"
        )


def fingerprint(params: object) -> str:
    """Return what equal params have in common; none at all equal empty ones."""
    text = json.dumps({} if params is None else checked_params(params), sort_keys=True)
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
    if delay is None:
        return now
    return now + _wait(delay)


def _instant(text: str, now: datetime, timezone: str) -> datetime:
    from mission_control.model.definitions.schedules.clock.wall_clock import only_instant
    from mission_control.model.definitions.schedules.shorthand.moments import spoken_moment

    here = zone(timezone)
    try:
        return only_instant(spoken_moment(text, now, here), here)
    except ValueError as error:
        raise bad_argument("at", str(error)) from error


def _wait(delay: Any) -> timedelta:  # noqa: ANN401  # whatever the caller gave
    if isinstance(delay, bool):
        raise bad_argument("delay", f"{shown(delay)} is no number of seconds")
    try:
        seconds = parse_duration(delay) if isinstance(delay, str) else delay
        wait = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
    except (TypeError, ValueError, OverflowError) as error:
        fault = str(error) if isinstance(delay, str) else f"{shown(delay)} is no number of seconds: {error}"
        raise bad_argument("delay", fault) from error
    if not timedelta(0) <= wait <= _LONGEST_DELAY:
        raise bad_argument("delay", f"{wait} is not between zero and {_LONGEST_DELAY.days:,} days")
    return wait


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
