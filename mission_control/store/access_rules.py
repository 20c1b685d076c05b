"""What each role may do in Redis: the keys, channels and commands that it needs, as an ACL rule.

The commands are those that the tests saw a role send, inside scripts and kombu's among them.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys


class Role(StrEnum):
    """What a process does with Redis."""

    PRODUCER = "producer"
    BEAT = "beat"
    WORKER = "worker"
    WEB = "web"
    FLOWER = "flower"


# Before Redis 7.2 no rule may name CLIENT SETINFO, so a connection may do all that is harmless.
_CONNECTION: Final = "+@connection -@dangerous +info"
_READS: Final = (
    "exists get hexists hget hgetall hkeys hlen hmget hscan hvals lindex llen lpos lrange pttl scan "
    "sinter sismember smembers sscan time ttl type xrevrange zcard zcount zinter zintercard zmscore "
    "zrange zrangebyscore zrank zrevrange zscore"
)
_WRITES: Final = (
    "del expire expireat hdel hincrby hset hsetnx incr lpush lrem ltrim persist pexpire publish rename "
    "rpush sadd set srem xadd zadd zrem zremrangebyscore"
)
_SCRIPTS: Final = "eval evalsha script|exists script|load multi exec watch unwatch discard"
_RECEIVES: Final = "brpop rpop subscribe psubscribe unsubscribe punsubscribe"
_ASKS: Final = f"{_READS} {_WRITES} {_SCRIPTS}"

_COMMANDS: Final = {
    Role.PRODUCER: _ASKS,
    Role.BEAT: f"{_ASKS} {_RECEIVES}",
    Role.WORKER: f"{_ASKS} {_RECEIVES}",
    Role.WEB: f"{_ASKS} xrange",
    Role.FLOWER: (
        f"{_SCRIPTS} {_RECEIVES} del exists expire get llen lpush publish sadd set smembers srem time zadd "
        "zrange zrangebyscore zrem"
    ),
}

# Those of the queues, and RedBeat's, come with the settings.
_RUNS: Final = (
    "~mc:task:* ~mc:run:* ~mc:runs:* ~mc:revoked:* ~mc:audit:* ~mc:parked* ~mc:once:* ~mc:log:* "
    "~mc:backfill* ~mc:limits* ~mc:budgets* ~mc:notify:*"
)
_TASKS: Final = (
    f"{_RUNS} ~mc:tasks ~mc:tasks:* ~mc:grants* ~mc:pauses* ~mc:redbeat_prefix ~mc:idempotency:* "
    "~mc:debounce:* ~mc:beat:quarantine ~_kombu.* %R~mc:beat:* %R~mc:process* %R~mc:handlers "
    "%R~mc:dead_letters %R~mc:turns:* %R~mc:lane:* %R~mc:outages %R~mc:rollup:* %R~mc:web:events"
)
_MESSAGES: Final = "~_kombu.* ~*.celery.pidbox* ~celeryev.*"
_HELD: Final = "~unacked ~unacked_index ~unacked_mutex"
_KEYS: Final = {
    Role.PRODUCER: _TASKS,
    Role.BEAT: f"~mc:* {_MESSAGES} {_HELD}",
    Role.WORKER: (
        f"{_RUNS} ~mc:pauses* ~mc:redbeat_prefix ~mc:tasks:edits %R~mc:tasks %R~mc:beat:quarantine "
        "%R~mc:beat:leader ~mc:fired:* ~mc:handlers ~mc:outages ~mc:dead_letters ~mc:turns:* ~mc:lane:* "
        f"~mc:process:worker:* ~mc:processes {_MESSAGES} {_HELD}"
    ),
    Role.WEB: f"{_TASKS} ~mc:web:*",
    Role.FLOWER: f"{_MESSAGES} %R~unacked_index ~unacked_mutex",
}

# Kombu begins a channel's name with the number of the database. Who listens needs the very same pattern.
_SENDS: Final = f"&{redis_keys.WAKE_CHANNEL} &/{{database}}.celeryev/*"
_REMOTE_CONTROL: Final = "&/{database}.celery.pidbox"
_CHANNELS: Final = {
    Role.PRODUCER: _SENDS,
    Role.BEAT: _SENDS,
    Role.WORKER: f"{_SENDS} &/{{database}}.celeryev/worker.* {_REMOTE_CONTROL}",
    Role.WEB: _SENDS,
    Role.FLOWER: f"&/{{database}}.celeryev/* {_REMOTE_CONTROL}",
}


def acl_rule(
    role: Role, user: str, *, queues: Sequence[str], redbeat_keys: RedBeatKeys, database: int
) -> str:
    """Return the rule of a user as a line of Redis' ACL file; it has no password yet.

    `queues` are those that workers serve, `database` the number of the broker's.

    >>> acl_rule(Role.FLOWER, "flower", queues=["default"], redbeat_keys=RedBeatKeys(), database=0)[:58]
    'user flower on resetpass resetkeys ~_kombu.* ~*.celery.pid'
    """
    of_queues = " ".join(_queue_keys(queues, reads_only=role is Role.FLOWER))
    entries = "" if role is Role.FLOWER else f" ~{_literal(redbeat_keys.prefix)}*"
    commands = " ".join(f"+{command}" for command in _COMMANDS[role].split())
    channels = _CHANNELS[role].format(database=database)
    return (
        f"user {user} on resetpass resetkeys {_KEYS[role]}{entries} {of_queues} resetchannels {channels} "
        f"-@all {_CONNECTION} {commands}"
    )


def _queue_keys(queues: Sequence[str], *, reads_only: bool) -> Iterator[str]:
    sign = "%R~" if reads_only else "~"
    for queue in dict.fromkeys((*queues, "celery")):
        # Kombu has a list for each priority, whose name ends with two control characters and a digit.
        yield f"{sign}{_literal(queue)}"
        yield f"{sign}{_literal(queue)}??[0-9]"


def _literal(name: str) -> str:
    # A quote would begin a quoted word in `redis.conf`, and a control character could end the line.
    return re.sub(r"[\s\"'\x00-\x1f\x7f]", "?", re.sub(r"([*?\[\]\\])", r"\\\1", name))
