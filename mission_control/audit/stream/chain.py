"""The hash chain of one writer: what makes a removed, changed or reordered line findable.

Every line ends with the three fields `writer`, `seq` and `prev`, in this order. `prev` is the SHA-256
of the writer's line before it, so that all lines of a writer hang together, whichever files they are in
and whichever other writers stand between them.

A chain alone cannot tell that its end is missing. So Redis, which who can cut a file cannot change, remembers
an anchor for each chain: how far it has come. What was written since a writer's last anchor, at most
`AFTER_SECONDS` of work (`pending_records`), cannot be proven either way.

What Redis knows nothing of was forgotten, or was before: the hash `mc:audit:known_since` has the high-water
marks, in Unix seconds: `writers` and `runs`, which begin
with the first anchor and only rise; `trimmed:<key of a task's runs>`, when the last of its surplus runs had
ended; and `retention`, the seconds for which finished runs are kept.
"""

import os
import re
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Self, cast

from redis import Redis

from mission_control.store import redis_keys

GENESIS = "0" * 64
"""`prev` of a writer's first line."""


_LONGEST_HOST = 63
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
MOST_ANCHORS: Final = 10_000
"""Of how many writers anchors are kept: one of 200 bytes for each process that ever wrote a record."""


_PARTS: Final = 5
_TRIMMED = "trimmed:"


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where a writer stands: the last `seq` it wrote (0: none yet) and that line's digest."""

    writer: str
    seq: int
    digest: str


def line_digest(line: bytes) -> str:
    r"""Return the digest that the next line of the same writer carries in `prev`.

    `line` is the whole line as it stands in the file, without its line feed.

    >>> line_digest(b"{}")[:16]
    '44136fa355b3678a'
    """
    return sha256(line).hexdigest()


def new_writer() -> str:
    """Return a name no other writer has: host, process id and 48 random bits.

    The random part tells apart two logs of one process, and processes that got the same id one after
    the other.
    """
    return f"{own_host()}-{os.getpid()}-{secrets.token_hex(6)}"


def own_host() -> str:
    """Return this host as writers' names have it."""
    return _UNSAFE.sub("_", socket.gethostname())[:_LONGEST_HOST]


def host_of(writer: str) -> str:
    """Return the host in a writer's name.

    >>> host_of("web_1-4711-0a1b2c3d4e5f")
    'web_1'
    """
    return writer.partition("-")[0]


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


@dataclass(frozen=True)
class KnownTime:
    """The high-water marks; what a writer or run did until then need not be known."""

    writers: float
    runs: float
    trimmed: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, client: Redis) -> Self | None:
        """Read the marks; None if there are none, because nothing was ever anchored."""
        stored = cast("dict[str, str]", client.hgetall(redis_keys.KNOWN_SINCE))
        if "writers" not in stored:
            return None
        seconds, _ = client.time()
        kept_since = seconds - float(stored["retention"]) if "retention" in stored else 0.0
        trimmed = {
            name.removeprefix(_TRIMMED): float(text)
            for name, text in stored.items()
            if name.startswith(_TRIMMED)
        }
        return cls(float(stored["writers"]), max(float(stored["runs"]), kept_since), trimmed)

    def of_task(self, task_id: str) -> float:
        """Until when the runs of a task need not be known."""
        return max(self.runs, self.trimmed.get(redis_keys.task_runs(task_id), 0.0))


def begin_known_time(client: Redis, at: int) -> None:
    """Begin the marks, unless they are there; `client` may be a pipeline."""
    for name in ("writers", "runs"):
        client.hsetnx(redis_keys.KNOWN_SINCE, name, str(at))


def forget_writers_before(client: Redis, at: int) -> None:
    """Raise the mark of the writers: some that wrote until then are forgotten; `client` may be a pipeline."""
    client.hset(redis_keys.KNOWN_SINCE, "writers", str(at))
