"""The log of one attempt: its lines, masked, bounded and numbered, sent one by one."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from mission_control.audit.record.masking import clean_text
from mission_control.audit.record.secrets_mask import mask_text
from mission_control.dispatch.run_logs import LONGEST_LINE, LogLine
from mission_control.model.runs.run_record import RunRecord
from workers.call.known_secrets import NO_SECRETS, KnownSecrets
from workers.call.log_sender import LogSender

_LONGEST_KEPT: Final = 65_536


class AttemptLog:
    """Takes what an attempt prints and logs, and hands each line on as soon as it is ended or flushed.

    Of a line that does not end, its beginning and its end are remembered. Safe between threads.
    """

    def __init__(
        self,
        run: RunRecord,
        sender: LogSender,
        *,
        clock: Callable[[], datetime],
        secrets: KnownSecrets = NO_SECRETS,
    ) -> None:
        self.secrets = secrets
        self._run = run
        self._sender = sender
        self._clock = clock
        self._unended: dict[str, str] = {}
        self.count = 0

    def write(self, stream: str, text: str) -> None:
        """Take some text of `stream`."""
        if not self._sender.most:
            return
        with self._sender.lock:
            whole = self._unended.pop(stream, "") + text
            ended, _, rest = whole.rpartition("\n")
            if rest:
                self._unended[stream] = clean_text(rest, _LONGEST_KEPT) if len(rest) > _LONGEST_KEPT else rest
            if rest != whole:
                self._add(stream, ended)

    def flush(self) -> None:
        """Send lines that are not ended as they are."""
        with self._sender.lock:
            for stream in list(self._unended):
                self._add(stream, self._unended.pop(stream))

    def _add(self, stream: str, text: str) -> None:
        # Masked as a whole first, because a secret may stand on several lines.
        text = self.secrets.in_text(text)
        masked = mask_text(text) if len(text) <= _LONGEST_KEPT else text
        lines = masked.split("\n")
        first = self.count + 1
        self.count += len(lines)
        kept = lines[-self._sender.most :]
        first += len(lines) - len(kept)
        now = self._clock()
        attempt = self._run.attempt
        self._sender.send(
            self._run.execution_id,
            [
                LogLine(now, attempt, stream, number, clean_text(line.rstrip("\r"), LONGEST_LINE))
                for number, line in enumerate(kept, start=first)
            ],
        )
