"""RedBeat entries: what other programs, or `beat_schedule`, have put on the schedule next to the tasks."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from redis import Redis
from redis.client import NEVER_DECODE, Pipeline

from mission_control.model.values.instants import format_instant, from_unix
from mission_control.model.values.quantities import duration
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

MOST_ENTRIES: Final = 1_000

_LATEST: Final = int(datetime.max.replace(tzinfo=UTC).timestamp())
_CRONTAB: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_FREQUENCIES: Final = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")


@dataclass(frozen=True)
class RedBeatEntry:
    """An entry that is no task's: the Celery task that it sends, its schedule in words, when it is due."""

    name: str
    sends: str
    schedule: str
    due: datetime
    enabled: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**self.__dict__, "due": format_instant(self.due)}


def redbeat_entries(client: Redis, redbeat_keys: RedBeatKeys) -> list[RedBeatEntry]:
    """Return the RedBeat entries on the schedule, the longest due first, at most `MOST_ENTRIES`.

    The due time is the one that RedBeat stored: beat asks the entry's schedule when it comes. An entry
    without a further occurrence, which RedBeat keeps with a negative due time, is left out.
    """
    return [_entry(name, due, one) for name, due, one in _stored(client, redbeat_keys)]


def redbeat_definitions(client: Redis, redbeat_keys: RedBeatKeys) -> dict[str, str]:
    """Return the definitions of the same entries, as they are stored, by their names."""
    return {
        name.decode(errors="backslashreplace"): definition.decode(errors="replace")
        for name, _, definition in _stored(client, redbeat_keys)
        if isinstance(definition, bytes)
    }


def _stored(client: Redis, redbeat_keys: RedBeatKeys) -> list[tuple[bytes, float, Any]]:
    with client.pipeline(transaction=False) as pipe:
        _ask(pipe, "ZRANGE", redbeat_keys.schedule, 0, _LATEST, "BYSCORE", "WITHSCORES", withscores=True)
        _ask(pipe, "SMEMBERS", redis_keys.TASKS)
        scored, ids = pipe.execute()
    prefix = redbeat_keys.prefix.encode()
    due = {key: at for key, at in scored if key.removeprefix(prefix) not in ids}
    some = [*due][:MOST_ENTRIES]
    with client.pipeline(transaction=False) as pipe:
        for key in some:
            _ask(pipe, "HGET", key, "definition")
        definitions = pipe.execute(raise_on_error=False)
    found = zip(some, definitions, strict=True)
    return [(key.removeprefix(prefix), due[key], one) for key, one in found]


def _ask(pipe: Pipeline, *command: str | bytes | int, **options: bool) -> None:
    # Other programs name entries: what is not UTF-8 is shown with escapes.
    pipe.execute_command(*command, **{NEVER_DECODE: True}, **options)  # type: ignore[no-untyped-call]  # redis-py's


def _entry(name: bytes, due: float, definition: bytes) -> RedBeatEntry:
    try:
        found = dict(json.loads(definition))
        sends, words = str(found["task"]), _schedule_in_words(found["schedule"])
    except (ValueError, TypeError, LookupError, OverflowError):
        found, sends, words = {}, "", "unreadable"
    shown = name.decode(errors="backslashreplace")
    return RedBeatEntry(shown, sends, words, from_unix(due), found.get("enabled") is not False)


def _schedule_in_words(schedule: dict[str, Any]) -> str:
    """Return the schedule of a RedBeat entry in words.

    >>> _schedule_in_words({"__type__": "interval", "every": 90.0})
    'every 1 min 30 s'
    >>> _schedule_in_words({"__type__": "crontab", "minute": "5", "hour": "*/2"})
    'crontab 5 */2 * * *'
    >>> _schedule_in_words({"__type__": "rrule", "freq": 3})
    'rrule DAILY'
    """
    match schedule.get("__type__"):
        case "interval":
            return f"every {duration(timedelta(seconds=schedule['every']))}"
        case "crontab":
            return " ".join(["crontab", *(str(schedule.get(field, "*")) for field in _CRONTAB)])
        case "rrule":
            return f"rrule {_FREQUENCIES[schedule['freq']]}"
    return "unreadable"
