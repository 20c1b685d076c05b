"""Audit records that are pending: noted in Redis until they are written, and reported to it once they are."""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
from redis import Redis
from redis.exceptions import RedisError

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.record.repetitions import identity_of
from mission_control.audit.stream.chain import Anchor, ChainHead, begin_known_time
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError
from mission_control.events import events
from mission_control.model.runs.record_identity import final_run
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

MOST_PENDING: Final = 10_000
_EPOCH: Final = "1970-01-01T00:00:00Z"
AFTER_SECONDS: Final = 1.0
_AT_ONCE: Final = 1_000  # as many as a script can hand to one command, and some left


def write_or_pend(audit: AuditLog, record: Mapping[str, Any], *, at_once: bool = True) -> None:
    """Append a record, and anchor it at once: the ledger knows no run by which the sweep could do it.

    Of several in a row, the last one can do that for all.

    One that cannot be written is logged and pending, and never breaks the caller.
    """
    try:
        audit.append(record)
        if at_once:
            audit.flush()
    except AuditWriteError as error:
        events.audit_write_failed(audit.path, error)
        try:
            audit.keep(record)
        except RedisError as trouble:
            events.waiting_for_redis(trouble)


def add_pending(client: Redis, path: Path, record: Mapping[str, Any]) -> None:
    """Make a record for the stream at `path` pending; it is dropped if `MOST_PENDING` are pending already.

    Raises:
        RedisError: it is not pending.
    """
    if client.hlen(redis_keys.PENDING_RECORDS) < MOST_PENDING:
        identity = identity_of(record)
        name = f"record-{time.time_ns()}-{uuid4().hex}" if identity is None else identity
        client.hset(redis_keys.PENDING_RECORDS, name, f"[0,{pending_form(path, record)[1:]}")


def pending_form(path: Path, record: Mapping[str, Any]) -> str:
    """Return what is pending of a record for the stream at `path`: a JSON list, without the time in front."""
    try:
        text = orjson.dumps(record)
    except TypeError:
        text = orjson.dumps(json_ready(dict(record)))
    fields = ["stream", path.name, "record", text.decode()]
    return orjson.dumps([record.get("timestamp", _EPOCH), *fields]).decode()


def mark_written(client: Redis, written: Iterable[tuple[str, str]]) -> None:
    """Take records off the pending ones; `written` are their identities, each with the record's writer.

    The writer is noted at the runs that the records end, for `audit verify`. `client` may be a pipeline.

    Raises:
        RedisError: some may still be pending.
    """
    by_writer: dict[str, list[str]] = {}
    for identity, writer in written:
        by_writer.setdefault(writer, []).append(identity)
    script = lua_script(client, __package__, "mark_written")
    for writer, identities in by_writer.items():
        for begin in range(0, len(identities), _AT_ONCE):
            some = identities[begin : begin + _AT_ONCE]
            args = [text for identity in some for text in (identity, _run_key(identity))]
            script(keys=[redis_keys.PENDING_RECORDS], args=[writer, *args])


def _run_key(identity: str) -> str:
    execution_id = final_run(identity)
    return "" if execution_id is None else redis_keys.run(execution_id)


def reported_log(path: Path, client: Callable[[], Redis | None]) -> AuditLog:
    """Return a stream whose records are reported and anchored, and pending if they cannot be written.

    `client` returns None as long as this process does not use Redis.
    """

    def keep(record: Mapping[str, Any]) -> None:
        known = client()
        if known is not None:
            add_pending(known, path, record)

    written = WrittenRecords(path, client)
    return AuditLog(path, appended=written.add, flush=written.flush, keep=keep)


class WrittenRecords:
    """Reports written records to Redis, and anchors the chain, in one round trip a second.

    `client` returns None as long as this process does not use Redis.

    Guarantees: anchored lines are in the file; a record is pending until it was written. Safe between threads
    and across a fork. Does not guarantee that a written record is reported: a process that is killed leaves
    up to a second of them pending, and the sweep looks into the file before it writes them. A process that
    ends without running Python's exit handlers, such as a child of a pool, must `flush`.
    """

    def __init__(
        self, path: Path, client: Callable[[], Redis | None], *, after_seconds: float = AFTER_SECONDS
    ) -> None:
        self._path = path
        self._client = client
        self._after_seconds = after_seconds
        self._flushes_at_exit = False
        self._timer: threading.Timer | None = None
        self._begin()

    def add(self, entry: Mapping[str, Any], head: ChainHead) -> None:
        """Note a record that is in the file, and have it reported."""
        if os.getpid() != self._process:
            self._begin()
        self._note(entry, head)
        if self._timer is None:
            self._start_timer()

    def flush(self) -> None:
        """Report what is not reported yet; if that fails, the next flush reports it."""
        self._timer = None
        client = self._client() if os.getpid() == self._process else None
        if client is None or not (self._written or self._anchors):
            return
        from redis.exceptions import RedisError

        # Remove only what is reported here: other threads go on adding.
        written = [self._written.popleft() for _ in range(len(self._written))]
        anchors = dict(self._anchors)
        try:
            self._report(client, written, anchors)
        except (RedisError, OSError):
            self._written.extend(written)
            self._start_timer()
            return
        for writer, anchor in anchors.items():
            if self._anchors.get(writer) is anchor:
                del self._anchors[writer]

    def _begin(self) -> None:
        """Begin with nothing: a parent process reports what it has written itself."""
        self._written: deque[tuple[str, str]] = deque()
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
            self._written.append((identity, head.writer))

    def _start_timer(self) -> None:
        timer = threading.Timer(self._after_seconds, self.flush)
        timer.daemon = True
        self._timer = timer
        if not self._flushes_at_exit:
            self._flushes_at_exit = True  # inherited by forked children, as the exit handlers are
            atexit.register(self.flush)
        try:
            timer.start()
        except RuntimeError:  # the interpreter is ending, or there can be no more threads
            self._timer = None

    def _report(self, client: Redis, written: list[tuple[str, str]], anchors: dict[str, Anchor]) -> None:
        with client.pipeline(transaction=False) as pipe:
            if anchors:
                texts: Any = {writer: anchor.to_text() for writer, anchor in anchors.items()}
                pipe.hset(redis_keys.AUDIT_ANCHORS, mapping=texts)
                begin_known_time(pipe, int(time.time()))
            mark_written(pipe, written)
            pipe.execute()
