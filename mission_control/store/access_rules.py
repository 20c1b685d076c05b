"""What each role may do in Redis: the keys, channels and commands that it needs, as an ACL rule.

The commands are those that the tests saw a role send, inside scripts and kombu's among them. SCAN shows the
names of all keys, whatever the patterns say.
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


_CONNECTION: Final = "hello select ping info client|setinfo client|setname"
_READS: Final = (
    "exists get hexists hget hgetall hkeys hlen hmget hscan hvals lindex llen lpos lrange pttl scan "
    "sismember smembers sscan time ttl type xrevrange zcard zinter zmscore zrange zrevrange zscore"
)
_WRITES: Final = (
    "del expire hdel hincrby hset hsetnx lpush lrem ltrim persist pexpire rename rpush sadd set srem xadd "
    "zadd zrem zremrangebyscore publish"
)
_SCRIPTS: Final = "eval evalsha script|exists script|load multi exec watch unwatch discard"
_LISTENS: Final = "brpop subscribe psubscribe unsubscribe punsubscribe"
_ASKS: Final = f"{_CONNECTION} {_READS} {_WRITES} {_SCRIPTS}"

_COMMANDS: Final = {
    Role.PRODUCER: _ASKS,
    Role.BEAT: f"{_ASKS} {_LISTENS}",
    Role.WORKER: f"{_ASKS} {_LISTENS}",
    Role.WEB: _ASKS,
    Role.FLOWER: (
        f"{_CONNECTION} {_LISTENS} multi exec del exists expire llen lpush publish sadd smembers srem"
    ),
}

_RUNS: Final = (
    "~mc:task:* ~mc:run:* ~mc:runs:* ~mc:revoked:* ~mc:audit:* ~mc:parked ~mc:parked:* ~mc:redbeat_prefix"
)
_TASKS: Final = (
    f"{_RUNS} ~mc:tasks ~mc:idempotency:* %R~mc:once:* %R~mc:log:* %R~mc:process:* %R~mc:beat:* "
    f"%R~mc:handlers %R~mc:dead_letters ~_kombu.* &/*.celeryev/* &{redis_keys.WAKE_CHANNEL}"
)
_MESSAGES: Final = "~_kombu.* ~*.reply.celery.pidbox &/*.celeryev/*"
_UNACKED: Final = "~unacked ~unacked_index ~unacked_mutex"

_KEYS: Final = {
    Role.PRODUCER: _TASKS,
    Role.BEAT: f"~mc:* {_MESSAGES} {_UNACKED} &{redis_keys.WAKE_CHANNEL}",
    Role.WORKER: (
        f"{_RUNS} %R~mc:tasks ~mc:once:* ~mc:log:* ~mc:fired:* ~mc:handlers ~mc:dead_letters "
        f"~mc:process:worker:* {_MESSAGES} {_UNACKED} &/*.celery.pidbox &{redis_keys.WAKE_CHANNEL}"
    ),
    Role.WEB: _TASKS,
    Role.FLOWER: f"{_MESSAGES} &/*.celery.pidbox",
}


def acl_rule(role: Role, user: str, *, queues: Sequence[str], redbeat_keys: RedBeatKeys) -> str:
    """Return the rule of a user as a line of Redis' ACL file; it has no password yet.

    `queues` are those that workers serve.

    >>> acl_rule(Role.FLOWER, "flower", queues=["default"], redbeat_keys=RedBeatKeys())[:60]
    'user flower on resetkeys ~_kombu.* ~*.reply.celery.pidbox &/'
    """
    of_queues = " ".join(_queue_keys(queues, reads_only=role is Role.FLOWER))
    entries = "" if role is Role.FLOWER else f" ~{_literal(redbeat_keys.prefix)}*"
    commands = " ".join(f"+{command}" for command in _COMMANDS[role].split())
    return f"user {user} on resetkeys resetchannels {_KEYS[role]}{entries} {of_queues} -@all {commands}"


def _queue_keys(queues: Sequence[str], *, reads_only: bool) -> Iterator[str]:
    sign = "%R~" if reads_only else "~"
    for queue in dict.fromkeys((*queues, "celery")):
        # Kombu has a list for each priority, whose name ends with two control characters and a digit.
        yield f"{sign}{_literal(queue)}"
        yield f"{sign}{_literal(queue)}??[0-9]"


def _literal(name: str) -> str:
    return re.sub(r"\s", "?", re.sub(r"([*?\[\]\\])", r"\\\1", name))
