"""Reading files that others wrote: regular files only, bounded in bytes and in time.

A name may stand for a pipe that no one writes to, a device without an end, or a file system that does not
answer. All files from outside are read here, so none of them stops or fills a process.
"""

import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from threading import Thread
from typing import IO, Any, Final, TypeVar

from mission_control.errors import UnsafePathError
from mission_control.safe_paths.beneath import open_beneath
from mission_control.safe_paths.paths import entry_problem, require_safe

SECONDS: Final = 5.0
STATE_SECONDS: Final = 1.0
"""How long the state of a file is waited for: beat fires nothing meanwhile."""

_MEBIBYTE: Final = 1024 * 1024
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_Result = TypeVar("_Result")
# By process: a thread does not survive a fork, and would never answer there.
_unanswered: dict[tuple[int, Path], Future[Any]] = {}


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells whether a file has changed."""

    device: int
    inode: int
    changed_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """The content of a file, and its state when it was read."""

    state: FileState
    content: bytes


def read_outside_file(
    path: Path, most_bytes: int, *, must_be_safe: bool = False, folder: Path | None = None
) -> bytes:
    """Return the content of a file of at most `most_bytes`.

    With a `folder` that it is in, or below, no link below that is followed. If it `must_be_safe`, a file that
    another user could change is refused, and the one that was judged is the one that is read.

    Guarantees: nothing but a regular file is opened; at most `most_bytes` are held in memory; returns or
    raises within `SECONDS`. While an earlier read of the same file has not returned, it raises at once.

    Raises:
        OSError: the file cannot be read; is not a regular file (`strerror` says so), is too large (EFBIG),
            or did not answer in time (TimeoutError). `strerror` names the remedy.
        UnsafePathError: another user could change it.
    """

    def read() -> bytes:
        if must_be_safe:
            _require_regular(path.stat(), path)
            require_safe(path)
        with _opened(path, folder) as file:
            # It may be newer than the judgement of its path.
            problem = entry_problem(path, os.fstat(file.fileno())) if must_be_safe else None
            if problem is not None:
                raise UnsafePathError(problem, path)
            return _whole(file, path, most_bytes)

    return _in_time(path, read)


def read_if_changed(path: Path, most_bytes: int, known: FileState | None) -> OutsideFile | None:
    """Return a file, read as `read_outside_file` does, or None if its state still is the `known` one."""

    def read() -> OutsideFile | None:
        with _open_regular(path) as file:
            state = _state(os.fstat(file.fileno()))
            return None if state == known else OutsideFile(state, _whole(file, path, most_bytes))

    return _in_time(path, read)


def file_state(path: Path) -> FileState:
    """Return the state of a file without opening it, within `STATE_SECONDS`; else as `read_outside_file`."""

    def look() -> FileState:
        status = path.stat()
        _require_regular(status, path)
        return _state(status)

    return _in_time(path, look, STATE_SECONDS)


def read_beginning(path: Path, most_bytes: int, *, folder: Path | None = None) -> bytes:
    """Return the first `most_bytes` of a file, however large it is; otherwise as `read_outside_file`.

    With a `folder` that it is in, or below, no link below that is followed.
    """

    def read() -> bytes:
        with _opened(path, folder) as file:
            return file.read(most_bytes)

    return _in_time(path, read)


def open_outside_file(path: Path) -> IO[bytes]:
    """Open a file for reading it piece by piece; only the opening is bounded in time.

    Raises:
        OSError: as `read_outside_file`.
    """
    return _in_time(path, lambda: _open_regular(path))


def _in_time(path: Path, read: Callable[[], _Result], seconds: float | None = None) -> _Result:
    """Return what `read` returns, in a thread that is left behind if it does not answer."""
    key, limit = (os.getpid(), path), SECONDS if seconds is None else seconds
    if key in _unanswered:
        raise _no_answer(path, limit)
    answer: Future[_Result] = Future()
    Thread(target=_run, args=(read, answer), name=f"reading {path.name}", daemon=True).start()
    try:
        return answer.result(limit)
    except TimeoutError:
        if answer.done():  # meanwhile, or it raised this error itself
            return answer.result()
        _unanswered[key] = answer
        answer.add_done_callback(partial(_let_go, key))
        raise _no_answer(path, limit) from None


def _let_go(key: tuple[int, Path], answer: Future[Any]) -> None:
    """Keep nothing of an answer that came too late; it may be an open file."""
    _unanswered.pop(key, None)
    if answer.exception() is None and isinstance(late := answer.result(), BufferedReader):
        late.close()


def _run(read: Callable[[], _Result], answer: Future[_Result]) -> None:
    try:
        answer.set_result(read())
    except BaseException as error:  # noqa: BLE001  # raised where the answer is awaited
        answer.set_exception(error)


def _no_answer(path: Path, seconds: float) -> OSError:
    fault = f"it did not answer within {seconds:g} seconds; check the file system that it is on"
    return OSError(errno.ETIMEDOUT, fault, str(path))


def _opened(path: Path, folder: Path | None) -> IO[bytes]:
    if folder is None:
        return _open_regular(path)
    return os.fdopen(open_beneath(folder, path.relative_to(folder)), "rb")


def _open_regular(path: Path) -> IO[bytes]:
    _require_regular(path.stat(), path)  # before it is opened, because opening some devices does something
    file = os.fdopen(os.open(path, _FLAGS), "rb")
    try:
        _require_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def _require_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory; name a file in it", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file; save its content to one", str(path))


def _state(status: os.stat_result) -> FileState:
    return FileState(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def _whole(file: IO[bytes], path: Path, most_bytes: int) -> bytes:
    size = os.fstat(file.fileno()).st_size
    # The size alone does not tell: some files grow, and those of /proc have none and may never end.
    content = b"" if size > most_bytes else file.read(most_bytes + 1)
    found = max(size, len(content))
    if found > most_bytes:
        fault = f"it is too large: {found:,} bytes, at most {most_bytes // _MEBIBYTE} MiB; split it up"
        raise OSError(errno.EFBIG, fault, str(path))
    return content
