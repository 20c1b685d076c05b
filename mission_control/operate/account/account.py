"""The account of a span of time, as a value: what it says, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, convert, to_builtins

from mission_control.audit.stream.chain import Anchor
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.instants import format_instant

_DONE: Final = frozenset({RunState.SUCCESS, *RAN_AND_FAILED})
FORMAT: Final = "mission-control account 1"

Instant = Annotated[datetime, Meta(tz=True)]
_OF_STREAMS: Final = ("since", "until", "tasks", "requested", "counts")
_LISTS: Final = ("unrecorded", "unexpected", "twice", "unknown")


@dataclass(frozen=True)
class Balance:
    """What became of the occurrences of some tasks, and occurrences that nothing explains.

    `causes` counts occurrences by the state of their runs, or by why they have none: "skipped (overlap)".
    `unexplained` are ids; `more` of them are not listed.
    """

    since: datetime
    until: datetime
    causes: Mapping[str, int]
    unexplained: Sequence[str]
    more: int = 0

    @property
    def done(self) -> Mapping[str, int]:
        """Those of which a handler ran, by how they ended."""
        return {one: count for one, count in self.causes.items() if one.partition(" ")[0] in _DONE}

    @property
    def explained(self) -> Mapping[str, int]:
        """The others that have a cause."""
        return {one: count for one, count in self.causes.items() if one not in self.done}

    @property
    def expected(self) -> int:
        """How many occurrences there were."""
        return sum(self.causes.values()) + len(self.unexplained) + self.more

    def words(self) -> str:
        """Return it as one line.

        >>> moment = datetime.fromisoformat("2026-03-02T09:00Z")
        >>> Balance(moment, moment, {"success": 2, "skipped": 1}, []).words().partition(": ")[2]
        'expected 3 = done 2 + explained 1 (1 skipped), unexplained 0'
        """
        explained = ", ".join(f"{count:,} {one}" for one, count in sorted(self.explained.items()))
        return (
            f"{format_instant(self.since)} to {format_instant(self.until)}: "
            f"expected {self.expected:,} = done {sum(self.done.values()):,} "
            f"+ explained {sum(self.explained.values()):,}{f' ({explained})' if explained else ''}, "
            f"unexplained {len(self.unexplained) + self.more:,}"
        )


class LedgerView(Struct, frozen=True):
    """What the ledger says of occurrences without a record: the states of their runs, by task and by run.

    `ended` are runs that it has ended, and whose record is neither on file nor pending.
    """

    causes: dict[str, dict[str, int]] = {}
    runs: dict[str, str] = {}
    ended: dict[str, str] = {}


class Account(Struct, frozen=True, kw_only=True):
    """Of each task how many occurrences have which cause, and the ids of what is not as it should be.

    All but `ledger` follows from the lines of the streams up to `anchors`, by stream and writer, as Redis
    keeps them. Lists are bounded; `counts` has how long they are. `unrecorded` are expected and have no
    record, `unexpected` have a record and were not expected. Of the tasks in `unknown` a timetable is not
    known. `requested` counts other runs by what caused them.
    """

    since: Instant
    until: Instant
    created: Instant
    host: str
    tasks: dict[str, dict[str, int]]
    requested: dict[str, int]
    counts: dict[str, int]
    unrecorded: list[str]
    unexpected: list[str]
    twice: list[dict[str, str | bool | None]]
    unknown: list[str]
    anchors: dict[str, dict[str, str]]
    ledger: LedgerView | None = None

    @property
    def balance(self) -> Balance:
        """The sums, and what neither the records nor the ledger explain."""
        causes = Counter[str]()
        ledger = LedgerView() if self.ledger is None else self.ledger
        for one in (*self.tasks.values(), *ledger.causes.values()):
            causes.update(one)
        left = [one for one in self.unrecorded if one not in ledger.runs]
        explained = sum(sum(one.values()) for one in ledger.causes.values())
        more = self.counts["unrecorded"] - explained - len(left)
        return Balance(self.since, self.until, causes, left, max(0, more))

    @property
    def is_balanced(self) -> bool:
        """Whether nothing is unaccounted, unexpected, unknown, or recorded with two different endings."""
        balance = self.balance
        differs = any(one["first"] not in {None, one["again"]} for one in self.twice)
        return not (balance.unexplained or balance.more or self.unexpected or self.unknown or differs)

    def anchors_of(self, stream: str) -> dict[str, Anchor]:
        """Return how far each chain of a stream had come."""
        read = {writer: Anchor.from_text(text) for writer, text in self.anchors.get(stream, {}).items()}
        return {writer: one for writer, one in read.items() if one is not None}

    def of_streams(self) -> dict[str, Any]:
        """Return as JSON what follows from the streams alone."""
        return {name: to_builtins(getattr(self, name)) for name in (*_OF_STREAMS, *_LISTS)}

    def to_dict(self) -> dict[str, Any]:
        """Return the account as JSON has it; `account_in` reads it back."""
        balance = self.balance
        return {
            "format": FORMAT,
            "balanced": self.is_balanced,
            "expected": balance.expected,
            "done": dict(balance.done),
            "explained": dict(balance.explained),
            "unaccounted": list(balance.unexplained),
            "unaccounted_count": len(balance.unexplained) + balance.more,
            **to_builtins(self),
        }


def account_in(content: Mapping[str, Any]) -> Account:
    """Read what `to_dict` returned.

    Raises:
        ValidationError (a ValueError): it is something else; says what.
    """
    return convert(content, Account)
