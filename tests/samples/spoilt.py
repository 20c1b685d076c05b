"""Entries and keys as other programs spoil them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NAME = "spoilt"
KEY = redis_keys.DEFAULT_REDBEAT_KEYS.entry(NAME)
HANDLER = "handlers.test_handler.run"

Fields = dict[Any, Any]
"""The fields of a hash, as redis-py takes them."""

EVERY_MINUTE = {"__type__": "interval", "every": 60.0, "relative": False}
LAST_RUN = {"__type__": "datetime", "year": 2026, "month": 1, "day": 1, "timezone": "UTC"}

PLAIN = {
    "name": NAME,
    "task": HANDLER,
    "args": [],
    "kwargs": {},
    "options": {},
    "schedule": EVERY_MINUTE,
    "enabled": True,
}
OWN = {
    "id": NAME,
    "schedule": {"type": "interval", "minutes": 1, "timezone": "UTC"},
    "handler": HANDLER,
    "params": {},
    "metadata": {
        "created": "2026-01-01T00:00:00Z",
        "created_by": "test",
        "last_modified": "2026-01-01T00:00:00Z",
        "revision": 1,
    },
}


def plain(**changes: Any) -> Fields:
    return {"definition": json.dumps({**PLAIN, **changes})}


def timed(**schedule: Any) -> Fields:
    return plain(schedule=schedule)


def with_meta(**meta: Any) -> Fields:
    return {**plain(), "meta": json.dumps(meta)}


def own(revision: str = "1", **changes: Any) -> Fields:
    return {"task": json.dumps({**OWN, **changes}), "revision": revision}


def own_timed(**schedule: Any) -> Fields:
    return own(schedule={"timezone": "UTC", **schedule})


HASHES: dict[str, Fields] = {
    "the hash is missing": {},
    "no definition": {"meta": "{}"},
    "an empty definition": {"definition": ""},
    "not JSON": {"definition": "{oops"},
    "not UTF-8": {"definition": b"\xff\xfe"},
    "null": {"definition": "null"},
    "a list": {"definition": "[1]"},
    "a number": {"definition": "7"},
    "half a surrogate pair": {"definition": '"\\ud800"'},
    "no schedule": {"definition": json.dumps({k: v for k, v in PLAIN.items() if k != "schedule"})},
    "schedule null": plain(schedule=None),
    "schedule a list": plain(schedule=[]),
    "an unknown type of schedule": timed(__type__="lunar", phase=1),
    "an impossible crontab": timed(__type__="crontab", minute="61"),
    "a crontab of nonsense": timed(__type__="crontab", minute="*/0"),
    "a crontab that never comes": timed(__type__="crontab", day_of_month="30", month_of_year="2"),
    "an interval of zero": timed(__type__="interval", every=0, relative=False),
    "a negative interval": timed(__type__="interval", every=-5, relative=False),
    "an interval in words": timed(__type__="interval", every="often", relative=False),
    "an endless interval": {"definition": json.dumps(PLAIN).replace("60.0", "Infinity")},
    "an rrule of nonsense": timed(__type__="rrule", freq="SOMETIMES"),
    "an impossible date": timed(__type__="datetime", year=2026, month=2, day=30),
    "enabled in words": plain(enabled="false"),
    "no task": plain(task=None),
    "a task with a line break": plain(task=f"{HANDLER}\nforged"),
    "unknown fields": plain(colour="red"),
    "another name than its key's": plain(name="another_task"),
    "args that are no list": plain(args="abc"),
    "kwargs that are no object": plain(kwargs=[1]),
    "options that are no object": plain(options="fast"),
    "options that Celery refuses": plain(options={"expires": "never"}),
    "options that cannot be sent": plain(options={"serializer": "no such"}),
    "meta that is not JSON": {**plain(), "meta": "{oops"},
    "meta null": {**plain(), "meta": "null"},
    "meta with an impossible date": with_meta(last_run_at={**LAST_RUN, "month": 13}, total_run_count=1),
    "meta of the future": with_meta(last_run_at={**LAST_RUN, "year": 2999}, total_run_count=1),
    "meta that counts in words": with_meta(last_run_at=LAST_RUN, total_run_count="many"),
    "a task that is not JSON": {"task": "{oops", "revision": "1"},
    "a task that is not UTF-8": {"task": b"\xff", "revision": "1"},
    "a task that is null": {"task": "null", "revision": "1"},
    "a task that is a list": {"task": "[]", "revision": "1"},
    "a task without a revision": {"task": json.dumps(OWN)},
    "a task of another revision": own(revision="7"),
    "a revision without a task": {**plain(), "revision": "1"},
    "a task of another id": own(id="another_task"),
    "a task with unknown fields": own(colour="red"),
    "a task enabled in words": own(enabled="false"),
    "a task without a schedule": own(schedule={}),
    "a task with an unknown type of schedule": own_timed(type="lunar"),
    "a task with an interval of zero": own_timed(type="interval", seconds=0),
    "a task with an impossible cron": own_timed(type="cron", expression="61 * * * *"),
    "a task that never comes": own_timed(type="cron", expression="0 0 30 2 *"),
    "a task in no time zone": own(schedule={"type": "daily", "time": "09:00", "timezone": "Mars"}),
    "params that are no object": own(params=[1]),
}

STILL_DUE = ("a task with unknown fields", "a task enabled in words", "params that are no object")
"""The hashes that still tell when the task is due, and which handler runs."""


def spoil(place: Installation, key: str, kind: str) -> None:
    """Put something of a type at a key, whatever was there, in one step: beat may write it at any time."""
    with place.client.pipeline() as pipe:
        pipe.delete(key)
        match kind:
            case "string":
                pipe.set(key, "spoilt")
            case "list":
                pipe.rpush(key, "spoilt")
            case "set":
                pipe.sadd(key, "spoilt")
            case "stream":
                pipe.xadd(key, {"spoilt": "yes"})
        pipe.execute()
