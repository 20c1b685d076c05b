"""Capturing what a handler prints and logs, while it also goes where it went before.

Standard output, standard error and the root logger are the whole process's. A line belongs to the attempt of
the context that wrote it; if that has none (a thread of the handler's own), to the only attempt that runs.
Secrets of the attempts that run are masked, wherever a line goes.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

from mission_control.events.log_format import unlike_a_record
from workers.call.attempt_log import AttemptLog

# What the worker itself logs meanwhile is no part of the handler's story.
_NOT_THE_HANDLERS: Final = ("mission_control", "celery", "kombu", "redis")

_formatter: Final = logging.Formatter()
_current: Final[ContextVar[AttemptLog | None]] = ContextVar("captured output", default=None)
_active: Final[list[AttemptLog]] = []
_lock: Final = threading.Lock()


@contextmanager
def captured(log: AttemptLog) -> Iterator[None]:
    """Capture into `log` what is printed and logged while the block runs."""
    with _lock:
        if not _active:
            _install()
        _active.append(log)
    token = _current.set(log)
    try:
        yield
    finally:
        _current.reset(token)
        with _lock:
            _active.remove(log)
            if not _active:
                _uninstall()
        log.flush()


def _log() -> AttemptLog | None:
    log = _current.get()
    return _active[0] if log is None and len(_active) == 1 else log


def _masked(text: str) -> str:
    for log in _active:
        text = log.secrets.in_text(text)
    return text


class _Tee:
    """A text stream that also captures; whatever befalls the stream is no failure of the handler."""

    def __init__(self, name: str, stream: Any) -> None:  # noqa: ANN401  # whatever stands at sys.stdout
        self._name = name
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)

    @property
    def buffer(self) -> "_BytesTee":
        return _BytesTee(self._name, self._stream)

    def write(self, text: str) -> int:
        log = _log()
        if log is not None:
            log.write(self._name, text)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._pass_on(unlike_a_record(_masked(text)).encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        log = _log()
        if log is not None:
            log.flush()
        self._pass_on("")

    def _pass_on(self, text: str) -> None:
        try:
            self._stream.write(text)
            if not text or "\n" in text:
                self._stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed, its reader is gone, its disk is full, or there is none


class _BytesTee:
    """The same for bytes: those that are not text are shown as escapes."""

    def __init__(self, name: str, stream: Any) -> None:  # noqa: ANN401
        self._name = name
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream.buffer, name)

    def write(self, data: bytes) -> int:
        log, text = _log(), bytes(data).decode(errors="backslashreplace")
        if log is not None:
            log.write(self._name, text)
        masked = _masked(text)
        shown = bytes(data) if masked == text else masked.encode()
        # An encoding that knows every byte.
        self._stream.buffer.write(unlike_a_record(shown.decode("latin-1")).encode("latin-1"))
        return len(data)


class _LogHandler(logging.Handler):
    """Captures log records of the handler and of the libraries that it uses."""

    def emit(self, record: logging.LogRecord) -> None:
        log = _log()
        if log is None or record.name.partition(".")[0] in _NOT_THE_HANDLERS:
            return
        # The worker's log handler reports a record whose arguments do not fit its message, on standard error.
        with suppress(Exception):
            log.write("log", f"{record.levelname} {record.name}: {self.format(record)}\n")


_log_handler: Final = _LogHandler()


class _MaskedRecords:
    """Makes log records without the secrets of the attempts that run, whatever handlers will show them."""

    def __init__(self, plain: Callable[..., logging.LogRecord]) -> None:
        self.plain = plain

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401  # of any kind
        record = self.plain(*args, **kwargs)
        if any(log.secrets for log in _active):
            # One whose arguments do not fit is reported by its handler.
            with suppress(Exception):
                record.msg, record.args = _masked(record.getMessage()), None
            if record.exc_info:
                record.exc_text = _masked(_formatter.formatException(record.exc_info))
        return record


def _install() -> None:
    sys.stdout, sys.stderr = _Tee("out", sys.stdout), _Tee("err", sys.stderr)
    logging.getLogger().addHandler(_log_handler)
    # A tracing tool may have put its own there, and a handler one around ours.
    logging.setLogRecordFactory(_MaskedRecords(logging.getLogRecordFactory()))


def _uninstall() -> None:
    logging.getLogger().removeHandler(_log_handler)
    if isinstance(records := logging.getLogRecordFactory(), _MaskedRecords):
        logging.setLogRecordFactory(records.plain)
    for name in ("stdout", "stderr"):
        if isinstance(tee := getattr(sys, name), _Tee):  # a handler may have put another in its place
            setattr(sys, name, tee._stream)  # noqa: SLF001
