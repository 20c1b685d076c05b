"""Turns between the tasks that share a queue, so that none of them waits for all messages of another.

Kombu's lists are first in, first out. When a worker fetches, a script sorts what waits on a list into
lanes, one a task, and puts the message that has the next turn back on the list. So a list holds the message
that is taken next, and those that came since. Clients push and pop as ever.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from redis import Redis

from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_source, with_rights

TURN_PREFIXES: Final = (redis_keys.TURNS, redis_keys.LANES)
"""What the scripts `fetch` and `hold` need to name the keys."""

_OF_RUN: Final = re.compile(r"([A-Za-z0-9_.-]+)@")


@cache
def turns_source(name: str) -> str:
    """Return the text of a script of this package that begins with the part `turns`."""
    return with_rights(lua_source(__package__, "turns") + lua_source(__package__, name))


def lane_of(queue_list: str, execution_id: str, handler: str) -> str:
    """Return the key of the lane in which a run's message waits, when it is not on its list.

    >>> lane_of("default", "tea@20260301T090000Z", "handlers.tea.run")
    'mc:lane:default:tea'
    >>> lane_of("default", "plain:3f6c", "handlers.tea.run")
    'mc:lane:default:handlers.tea.run'
    """
    named = _OF_RUN.match(execution_id)
    return f"{redis_keys.LANES}{queue_list}:{handler if named is None else named[1]}"


def lanes_of(client: Redis, queue_lists: Iterable[str]) -> list[str]:
    """Return the keys of the lanes of some lists, those with the next turns first; one round trip.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    lists = list(queue_lists)
    with client.pipeline(transaction=False) as pipe:
        for queue_list in lists:
            pipe.zrange(f"{redis_keys.TURNS}{queue_list}", 0, -1)
        found: list[Any] = pipe.execute(raise_on_error=False)  # a key of another type has no lanes
    return [
        f"{redis_keys.LANES}{queue_list}:{text_of(task)}"
        for queue_list, tasks in zip(lists, found, strict=True)
        if isinstance(tasks, list)
        for task in tasks
    ]


def waiting_in_lanes(client: Redis, queue_lists: Sequence[str]) -> int:
    """Return how many messages of some lists wait in their lanes.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    with client.pipeline(transaction=False) as pipe:
        for lane in lanes_of(client, queue_lists):
            pipe.llen(lane)
        return sum(one for one in pipe.execute(raise_on_error=False) if isinstance(one, int))


def drop_lanes(client: Redis, queue_lists: Sequence[str]) -> None:
    """Delete the messages that wait in the lanes of some lists.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    turns = [f"{redis_keys.TURNS}{queue_list}" for queue_list in queue_lists]
    client.delete(*turns, *lanes_of(client, queue_lists))


def text_of(answer: str | bytes) -> str:
    """Return what a broker's client answered as text, whether or not the client decodes answers."""
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
