"""What Redis, or signed checkpoints, remember: a line that they should know and do not is made up."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mission_control.audit.stream.anchors import Anchor
from mission_control.audit.stream.known_time import KnownTime
from mission_control.model.values.instants import format_instant

ANCHORED_WITHIN_SECONDS: Final = 30
"""How old a line may be that is not anchored: a killed writer's are, when the sweep has found them."""

_SKEW_SECONDS: Final = 600


@dataclass(frozen=True)
class Memory:
    """What Redis, or signed checkpoints, remember of writers and runs.

    `read_at` is when the anchors were read, in Unix seconds; `anchors_later` reads them again when every
    writer that lives has anchored its lines; `known_among` returns which of some runs the ledger has.
    Checkpoints have the digests of `signed` lines, by writer and `seq`, and the `hosts` that signed.
    """

    known_time: KnownTime
    read_at: float
    anchors_later: Callable[[], Mapping[str, Anchor]]
    known_among: Callable[[Collection[str]], set[str]]
    signed: Mapping[tuple[str, int], str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()

    def is_recent(self, at: str) -> bool:
        """Whether a line of that time may not be anchored yet."""
        return _text(self.read_at - ANCHORED_WITHIN_SECONDS) < at < _text(self.read_at + _SKEW_SECONDS)

    def may_forget_writer(self, at: str, latest: str) -> bool:
        """Whether the writer of a line may be forgotten; `latest` is of when the lines before it are."""
        return _is_before(at, latest, self.known_time.writers)

    def may_forget_run(self, record: Mapping[str, Any], latest: str) -> bool:
        """Whether the run that a record ends may be forgotten."""
        until = self.known_time.of_task(str(record.get("task_id")))
        return _is_before(str(record.get("timestamp")), "" if "repaired" in record else latest, until)


def _is_before(at: str, latest: str, until: float) -> bool:
    # A made-up line can bear any time, but stands where it was put in.
    return at <= _text(until + 1) and latest <= _text(until + _SKEW_SECONDS)


def _text(seconds: float) -> str:
    # Without a fraction it is less than a second off when it is compared as text.
    return format_instant(datetime.fromtimestamp(int(seconds), UTC))
