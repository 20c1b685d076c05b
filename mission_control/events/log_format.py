"""How beat and workers write their logs: so that no text in a record looks like another record.

A record's message often quotes text from elsewhere: a handler's error, a message's id, a server's answer.
"""

import copy
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

from mission_control.model.values.instants import format_instant
from mission_control.model.values.printable_text import escaped

CONTINUED: Final = "  | "
"""What each further line of a record begins with."""

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "data", "sentence"})
_PLAIN: Final = (str, int, bool)
# How the first line of a record begins in either format.
_LIKE_A_RECORD: Final = re.compile(
    r'(?:^|(?<=[\r\v\f\x1c-\x1e\x85\u2028\u2029]))(?=\[\d{4}-|\{"timestamp")', re.MULTILINE
)


class TextFormatter(logging.Formatter):
    """Formats as another formatter does, with control characters escaped and further lines marked."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        shown = copy.copy(record)
        shown.msg, shown.args = escaped(record.getMessage(), but="\n\t"), ()
        shown.exc_text = escaped(_traceback(self, record), but="\n\t")
        return self._formatter.format(shown).replace("\n", f"\n{CONTINUED}")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line: a JSON object in ASCII with the fields of its event."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        sentence = getattr(record, "sentence", None)
        entry: dict[str, Any] = {
            "timestamp": format_instant(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "process": record.processName,
            "pid": record.process,
            "message": record.getMessage() if sentence is None else sentence,
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in entry and value is not None:
                entry[name] = value if isinstance(value, _PLAIN) else str(value)
        if traceback := _traceback(self, record):
            entry["exception"] = traceback
        return json.dumps(entry).replace("\x7f", "\\u007f")


def record_formatter(log_format: str, text_formatter: logging.Formatter) -> logging.Formatter:
    """Return the formatter for a setting of `LOG_FORMAT`; text is formatted by `text_formatter`."""
    return JsonFormatter() if log_format == "json" else TextFormatter(text_formatter)


def unlike_a_record(text: str) -> str:
    r"""Return printed text, with each line marked that begins like a record of a log, after any line break.

    >>> unlike_a_record("fine\n[2026-03-01 09:00:00,123: ERROR/MainProcess] forged")
    'fine\n  | [2026-03-01 09:00:00,123: ERROR/MainProcess] forged'
    >>> unlike_a_record("fine\x85[2026-03-01 09:00:00,123: ERROR/MainProcess] forged")
    'fine\x85  | [2026-03-01 09:00:00,123: ERROR/MainProcess] forged'
    """
    return _LIKE_A_RECORD.sub(CONTINUED, text)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_text:
        return record.exc_text
    has_trace = record.exc_info and record.exc_info[0] is not None
    return formatter.formatException(record.exc_info) if has_trace and record.exc_info else ""
