"""The arguments of `enqueue`: each is checked, and an error names it. All raise `InvalidTaskError`."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.definitions.named_limit import LimitUses
from mission_control.model.policies.debounce import Debounce
from mission_control.model.problems.json_values import json_copy
from mission_control.model.problems.messages import shown
from mission_control.model.problems.problems import problems_of
from mission_control.model.problems.suggestions import did_you_mean
from mission_control.model.values.durations import LONGEST_SECONDS, parse_duration
from mission_control.model.values.identifiers import queue_name_problem
from mission_control.model.values.zones import zone

_SORTED: Final = json.JSONEncoder(sort_keys=True)
_PRIORITIES: Final = range(10)
_LONGEST_KEY: Final = 255
_LONGEST_DELAY: Final = timedelta(seconds=LONGEST_SECONDS)
_OF_DEBOUNCE: Final = ("key", "delay", "max_delay", "edge")


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
