"""Telling Redis what has been written: debts that are paid, and how far the chain has come.

An attempt's end puts its record on `mc:audit:debts` in the ledger's own step; the process that appends the
record takes it off again, and anchors its chain, a moment later for all of that moment at once. So a record
costs no round trip of its own.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from mission_control.audit.debts.anchors import Anchor
from mission_control.audit.record.record_identity import identity_of
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from redis import Redis

    from mission_control.audit.stream.chain import ChainHead

AFTER_SECONDS: Final = 1.0
_AT_ONCE: Final = 1_000  # as many as a script can hand to one command, and some left


def settle(client: Redis, paid: Iterable[tuple[str, str]]) -> None:
    """Clear debts whose record is written; `paid` are their identities, each with who wrote the record.

    At the runs that they end it is noted who wrote it, for whoever looks for it. `client` may be a pipeline.

    Raises:
        RedisError: not all are cleared.
    """
    by_writer: dict[str, list[str]] = {}
    for identity, writer in paid:
        by_writer.setdefault(writer, []).append(identity)
    script = lua_script(client, __package__, "settle")
    for writer, identities in by_writer.items():
        for begin in range(0, len(identities), _AT_ONCE):
            args = [writer, redis_keys.run(""), *identities[begin : begin + _AT_ONCE]]
            script(keys=[redis_keys.AUDIT_DEBTS], args=args)


class Settlement:
    """Clears the debts of records that were written, and anchors the chain, in one round trip a second.

    `client` returns None as long as this process has nothing to do with Redis.

    Guarantees: what is anchored is in the file; a debt is cleared only after its record was written. Safe
    between threads and across a fork. Does not guarantee that a debt is cleared: a process that is killed
    leaves up to a second of them, and whoever pays them looks into the file first (`owed_records`). A
    process that ends without running Python's exit handlers, as a pool's children do, is to `flush`.
    """

    def __init__(
        self, path: Path, client: Callable[[], Redis | None], *, after_seconds: float = AFTER_SECONDS
    ) -> None:
        self._path = path
        self._client = client
        self._after_seconds = after_seconds
        self._tells_at_exit = False
        self._timer: threading.Timer | None = None
        self._begin()

    def written(self, entry: Mapping[str, Any], head: ChainHead) -> None:
        """Note a record that is in the file, and see to it that Redis hears of it."""
        if os.getpid() != self._process:
            self._begin()
        self._note(entry, head)
        if self._timer is None:
            self._start_timer()

    def flush(self) -> None:
        """Tell Redis what it does not know yet; if it cannot be told now, the next flush tells it."""
        self._timer = None
        client = self._client() if os.getpid() == self._process else None
        if client is None or not (self._paid or self._anchors):
            return
        from redis.exceptions import RedisError

        # Only what is taken out here is forgotten: other threads go on noting.
        paid = [self._paid.popleft() for _ in range(len(self._paid))]
        anchors = dict(self._anchors)
        try:
            self._tell(client, paid, anchors)
        except (RedisError, OSError):
            self._paid.extend(paid)
            return
        for writer, anchor in anchors.items():
            if self._anchors.get(writer) is anchor:
                del self._anchors[writer]

    def _begin(self) -> None:
        """Begin with nothing: what a parent process has written is the parent's to tell."""
        self._paid: deque[tuple[str, str]] = deque()
        self._anchors: dict[str, Anchor] = {}
        self._writer, self._since, self._place = "", 0, ""
        self._timer = None
        self._process = os.getpid()

    def _note(self, entry: Mapping[str, Any], head: ChainHead) -> None:
        now = int(time.time())
        if head.writer != self._writer:
            self._writer, self._since, self._place = head.writer, now, os.path.realpath(self._path)
        self._anchors[head.writer] = Anchor(head.seq, head.digest, self._since, now, self._place)
        identity = identity_of(entry)
        if identity is not None:
            self._paid.append((identity, head.writer))

    def _start_timer(self) -> None:
        timer = threading.Timer(self._after_seconds, self.flush)
        timer.daemon = True
        self._timer = timer
        if not self._tells_at_exit:
            self._tells_at_exit = True  # inherited by forked children, as the exit handlers are
            atexit.register(self.flush)
        try:
            timer.start()
        except RuntimeError:  # the interpreter is ending, or there can be no more threads
            self._timer = None

    def _tell(self, client: Redis, paid: list[tuple[str, str]], anchors: dict[str, Anchor]) -> None:
        with client.pipeline(transaction=False) as pipe:
            if anchors:
                texts: Any = {writer: anchor.to_text() for writer, anchor in anchors.items()}
                pipe.hset(redis_keys.AUDIT_ANCHORS, mapping=texts)
            settle(pipe, paid)
            pipe.execute()
