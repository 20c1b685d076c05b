"""Appending to an audit file: one record, one line, one `write(2)`.

    AuditLog(path).append(record)  ->  the record as written, with `writer`, `seq` and `prev`

What the kernel guarantees for an `O_APPEND` descriptor on a local file system (each write lands whole,
at the end) is what keeps many processes apart; there is no lock between them. Network file systems do
not promise it.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from mission_control.audit.record.json_ready import json_ready
from mission_control.audit.stream.chain import GENESIS, ChainHead, line_digest, new_writer
from mission_control.errors import AuditWriteError
from mission_control.safe_paths.own_files import open_own, own_folder

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT
_CHAIN_FIELDS = frozenset({"writer", "seq", "prev"})
_LINE_FEED = b"\n"


class AuditLog:
    """An append-only JSONL file, chained per writing process.

    Guarantees: a record that `append` returned is in the file, whole, on one line; records of one writer
    stand in the order of their `seq`, without gaps, over all files of a rotation. It may be shared
    between threads, and by processes forked after it was made: each process is a writer of its own.
    The file may be renamed at any moment; the next record goes to a new file at the old path.

    It does not sync: a record survives the death of the process, not that of the machine in the
    seconds before the kernel writes back. It neither bounds nor masks: the records do
    (`mission_control.audit.record.records`).

    Nothing is opened before the first record. `appended` is called with each record that is in the file, and
    where the chain then stands; `flush` reports at once what `appended` has noted, before a process ends;
    `keep` makes a record pending that could not be written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        appended: Callable[[Mapping[str, Any], ChainHead], object] = lambda _entry, _head: None,
        flush: Callable[[], object] = lambda: None,
        keep: Callable[[Mapping[str, Any]], object] = lambda _record: None,
    ) -> None:
        self.path = Path(path)
        self._appended = appended
        self.flush = flush
        self.keep = keep
        self._writers: dict[int, _Writer] = {}

    def append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Write one record and return it as written: with `writer`, `seq` and `prev` added at its end.

        What JSON cannot say (a lone surrogate, a cycle, a set) is replaced by what it can rather than
        refused.

        Raises:
            AuditWriteError: the record is not in the file (disk full, no permission, read-only, or another
            user could change the file).
        """
        writer = self._writer()
        entry = writer.append(record)
        self._appended(entry, writer.head)
        return entry

    @property
    def head(self) -> ChainHead:
        """Where this process's chain stands."""
        return self._writer().head

    def _writer(self) -> _Writer:
        # Keyed by process, because a forked child must neither go on with its parent's chain nor wait
        # for a lock that a thread held which the fork did not copy.
        process = os.getpid()
        writer = self._writers.get(process)
        return writer if writer is not None else self._writers.setdefault(process, _Writer(self.path))


@dataclass(slots=True)
class _Chain:
    writer: str = field(default_factory=new_writer)
    seq: int = 0
    digest: str = GENESIS
    in_doubt: bool = False


class _Writer:
    """The descriptor and the chain of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = os.fspath(path)
        # Reentrant: a signal handler may audit while its own thread is in here.
        self._lock = threading.RLock()
        self._chain = _Chain()
        self._descriptor: int | None = None
        self._file: tuple[int, int] = (0, 0)
        self._process = os.getpid()

    def __del__(self) -> None:
        # Not in a forked child, where the number may stand for another file by now.
        if os.getpid() == self._process:
            self.close()

    @property
    def head(self) -> ChainHead:
        with self._lock:
            return ChainHead(self._chain.writer, self._chain.seq, self._chain.digest)

    def append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            chain = self._certain_chain()
            # A signal may come anywhere in here, and throw (a soft time limit) or audit something itself.
            # A process that finds the chain in doubt begins a new one instead of forking this one.
            chain.in_doubt = True
            entry, line = _encode(record, chain)
            self._write(line, chain)
            chain.seq += 1
            chain.digest = line_digest(line)
            chain.in_doubt = False
            return entry

    def close(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _certain_chain(self) -> _Chain:
        if self._chain.in_doubt:
            self._chain = _Chain()
        return self._chain

    def _write(self, line: bytes, chain: _Chain) -> None:
        try:
            descriptor, torn = self._current_file()
            payload = b"\n%b\n" % line if torn else line + _LINE_FEED
            missing = len(payload) - os.write(descriptor, payload)
            # All but the line feed is a whole record, and the next one will bring the line feed.
            if missing > len(_LINE_FEED):
                self._end_torn_line(descriptor, missing)
        except OSError as error:
            chain.in_doubt = False
            reason = error.strerror if error.strerror is not None else str(error)
            message = f"audit record not written: {reason}; free space or fix the permissions, then repeat it"
            raise AuditWriteError(error.errno, message, self._name) from error

    def _end_torn_line(self, descriptor: int, missing: int) -> None:
        # A short write carries no reason; the attempt to end the line ends it or names the reason.
        os.write(descriptor, _LINE_FEED)
        raise OSError(errno.EIO, f"the write stopped {missing} bytes short")

    def _current_file(self) -> tuple[int, bool]:
        """Return the descriptor of the file that is at the path now, and whether its last line is torn."""
        try:
            found = os.stat(self._name)  # noqa: PTH116  # a third of the cost of Path.stat, once a record
        except FileNotFoundError:
            found = None
        if self._descriptor is None or found is None or (found.st_dev, found.st_ino) != self._file:
            found = self._open()
        assert self._descriptor is not None  # noqa: S101  # for the type checker
        return self._descriptor, _is_torn(self._descriptor, found.st_size)

    def _open(self) -> os.stat_result:
        self.close()
        own_folder(self._path.parent)
        descriptor = open_own(self._name, _FLAGS)
        found = os.fstat(descriptor)
        self._descriptor, self._file = descriptor, (found.st_dev, found.st_ino)
        return found


def _encode(record: Mapping[str, Any], chain: _Chain) -> tuple[dict[str, Any], bytes]:
    entry = _chained(dict(record), chain)
    try:
        return entry, orjson.dumps(entry)
    except TypeError:
        # Chained afterwards, because what is too large is cut at its end.
        entry = _chained(json_ready(dict(record)), chain)
        return entry, orjson.dumps(entry)


def _chained(entry: dict[str, Any], chain: _Chain) -> dict[str, Any]:
    for name in _CHAIN_FIELDS & entry.keys():
        del entry[name]  # so that ours stand last
    entry["writer"] = chain.writer
    entry["seq"] = chain.seq + 1
    entry["prev"] = chain.digest
    return entry


def _is_torn(descriptor: int, size: int) -> bool:
    # Any writer may have been cut short here, so that only the file itself can tell. The kernel grows a file
    # page by page, so a size may also have been read in the middle of another's write.
    while size > 0 and os.pread(descriptor, 1, size - 1) != _LINE_FEED:
        later_size = _size_between_writes(descriptor)
        if later_size == size:
            return True
        size = later_size
    return False


def _size_between_writes(descriptor: int) -> int:
    """Return the size of a file once the write that is going on now, if any, has ended."""
    with suppress(OSError):  # denied to all but the owner; it has waited even then
        # Waits for the inode's lock, which a write holds to its end, and changes nothing.
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode))
    return os.fstat(descriptor).st_size
