"""Anchors: how far each chain has come, remembered in Redis, where who can cut a file cannot reach.

A chain alone cannot tell that its end is missing. What was written since a writer's last anchor, at most
`AFTER_SECONDS` of work (`written_records`), cannot be proven either way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast

from redis import Redis

from mission_control.audit.stream.chain import ChainHead
from mission_control.audit.stream.known_time import forget_writers_before
from mission_control.store import redis_keys

MOST_ANCHORS: Final = 10_000
"""Of how many writers anchors are kept: one of 200 bytes for each process that ever wrote a record."""

_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Anchor:
    """A writer's last known line: its `seq` and digest.

    `since` and `last` are when the writer began and when it wrote that line, in Unix seconds by its own
    clock; `path` is the stream's file as that process saw it.
    """

    seq: int
    digest: str
    since: int
    last: int
    path: str

    def to_text(self) -> str:
        """Return the anchor as it is kept in Redis."""
        return f"{self.seq} {self.digest} {self.since} {self.last} {self.path}"

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Read an anchor back; None if it is none of ours.

        >>> Anchor.from_text(Anchor(3, "ab", 10, 20, "/a b.jsonl").to_text()).path
        '/a b.jsonl'
        """
        parts = text.split(" ", _PARTS - 1)
        try:
            return cls(int(parts[0]), parts[1], int(parts[2]), int(parts[3]), parts[4])
        except (IndexError, ValueError):
            return None


def read_anchors(client: Redis) -> dict[str, Anchor]:
    """Return every writer's anchor."""
    stored = cast("dict[str, str]", client.hgetall(redis_keys.AUDIT_ANCHORS))
    read = {writer: Anchor.from_text(text) for writer, text in stored.items()}
    return {writer: anchor for writer, anchor in read.items() if anchor is not None}


def anchor_found(client: Redis, heads: Iterable[ChainHead], *, path: Path, at: int) -> None:
    """Anchor lines that were found in the file at `path` because their writers died before they did it.

    Raises:
        RedisError: some may be anchored.
    """
    known = read_anchors(client)
    for head in sorted(heads, key=lambda head: head.seq):
        before = known.get(head.writer)
        if before is None or before.seq < head.seq:
            since = at if before is None else before.since
            found = Anchor(head.seq, head.digest, since, at, str(path.resolve()))
            client.hset(redis_keys.AUDIT_ANCHORS, head.writer, found.to_text())


def forget_old_anchors(client: Redis, *, most: int = MOST_ANCHORS) -> int:
    """Drop the anchors that were renewed longest ago, beyond `most`, and return how many these were.

    A tenth more go than have to, so that this is rarely work.
    """
    if client.hlen(redis_keys.AUDIT_ANCHORS) <= most:
        return 0
    anchors = read_anchors(client)
    oldest = sorted(anchors, key=lambda writer: anchors[writer].last)
    surplus = oldest[: len(anchors) - most * 9 // 10]
    if surplus:
        with client.pipeline() as pipe:
            forget_writers_before(pipe, max(anchors[writer].last for writer in surplus))
            pipe.hdel(redis_keys.AUDIT_ANCHORS, *surplus)
            pipe.execute()
    return len(surplus)
