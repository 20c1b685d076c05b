"""The table of Redis keys in `mission_control/store/redis_keys.py`, held against a real server's keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mission_control.store import redis_keys

if TYPE_CHECKING:
    from redis import Redis

_ROW = re.compile(r"^\| `(?P<key>[^`]+)` \| (?P<type>[^|]+) \| (?P<life>[^|]+) \|", re.MULTILINE)
_LASTING = ("permanent", "as the task", "trimmed")
_KOMBU = re.compile(r"_kombu\..*|unacked.*|default(\x06\x16\d)?|[\w.@-]*celery[.@].*|.*reply\.celery\.pidbox")


@dataclass(frozen=True)
class KeyRow:
    """One row of the table: what keys look like, what type they have and how long they live."""

    key: str
    type: str
    life: str

    def describes(self, key: str) -> bool:
        """Whether `key` is one of this row's."""
        pattern = "".join(
            ".+" if part.startswith("<") else re.escape(part) for part in re.split(r"(<[^>]+>)", self.key)
        )
        return re.fullmatch(pattern, key) is not None

    @property
    def redis_type(self) -> str:
        """The type as the command TYPE says it."""
        return "zset" if self.type.startswith("sorted set") else self.type.split()[0].rstrip(":,")

    @property
    def may_last(self) -> bool:
        """Whether such a key may be without a time to live."""
        return self.life.startswith(_LASTING)


def key_table() -> list[KeyRow]:
    """Return the table, the most particular rows first."""
    assert redis_keys.__doc__ is not None
    rows = [
        KeyRow(**{name: text.strip() for name, text in row.groupdict().items()})
        for row in _ROW.finditer(redis_keys.__doc__)
    ]
    return sorted(rows, key=lambda row: (row.key.count("<"), -len(row.key)))


def faults_in_keys(client: Redis) -> dict[str, str]:
    """Return what is wrong with each key that is not as the table says; kombu's keys are its own affair."""
    keys = [key for key in client.scan_iter("*", count=1_000) if _KOMBU.fullmatch(key) is None]
    found = {key: _fault(client, key) for key in sorted(keys)}
    return {key: fault for key, fault in found.items() if fault is not None}


def _fault(client: Redis, key: str) -> str | None:
    row = next((row for row in key_table() if row.describes(key)), None)
    if row is None:
        return "is in no row of the table"
    with client.pipeline() as pipe:
        pipe.type(key)
        pipe.ttl(key)
        stored, seconds_to_live = pipe.execute()
    if stored == "none":
        return None  # it went after it was listed, for the installation lives
    if stored != row.redis_type:
        return f"is a {stored}, the table says {row.type}"
    has_end = seconds_to_live >= 0
    if not has_end and not row.may_last:
        return f"has no time to live, the table says {row.life}"
    if not has_end and row.life.startswith("as the task"):
        return _orphan_fault(client, key, row)
    return None


def _orphan_fault(client: Redis, key: str, row: KeyRow) -> str | None:
    prefix, _, suffix = row.key.partition(re.findall("<[^>]+>", row.key)[0])
    task_id = key.removeprefix(prefix).removesuffix(suffix)
    is_there = client.exists(redis_keys.DEFAULT_REDBEAT_KEYS.entry(task_id))
    return None if is_there else f"outlives its task {task_id!r}"
