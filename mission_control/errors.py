"""What can go wrong, split by what the caller can do about it.

This file has more than 250 lines because all errors stand in one place.

```
MissionControlError
├── InvalidTaskError        the definition is wrong: fix the listed problems (also a ValueError)
├── InvalidResourceError    the limit or budget is wrong: fix the listed problems (also a ValueError)
│   ├── InvalidLimitError
│   ├── InvalidBudgetError
│   └── InvalidGrantError
├── InvalidFilterError      a filter cannot be read: see where and what is expected (also a ValueError)
├── WideSearchError         a filter has too much to look at: narrow it, or confirm
├── HistoryError            a question in SQL cannot be answered: see why (also a ValueError)
├── TaskFileError           a task file cannot be used: fix the file (also a ValueError)
├── PlanRefusedError        a plan does not hold here, or no longer: make a new one
│   └── PlanOvertakenError  others changed some tasks while it was applied: make a new one
├── AccountError            there is no such account, or its file is none (also a ValueError)
├── RevisionDiffersError    a task has another revision than the caller has read: read it again
├── SettingsError           an environment setting is wrong: fix it (also a ValueError)
├── UnknownTaskError        no task has that id (also a LookupError)
├── UnknownRunError         the ledger has no such run, or no longer (also a LookupError)
├── UnknownPauseError       no such pause is in force (also a LookupError)
├── UnknownOccurrenceError  the task has no such occurrence to come (also a LookupError)
├── UnknownBackfillError    no backfill has that id, or no longer (also a LookupError)
├── UnknownResourceError    no limit or budget has that name (also a LookupError)
│   ├── UnknownLimitError
│   ├── UnknownBudgetError
│   └── UnknownGrantError
├── UnknownApprovalError    no change waits for an approval under that id (also a LookupError)
├── GrantRefusedError       the holder of a grant may not do that (also a PermissionError)
├── ResourceInUseError      tasks refer to the limit or budget: change them first
│   ├── LimitInUseError
│   └── BudgetInUseError
├── InvalidSpendError       a handler reports an amount that cannot be: fix the handler (also a ValueError)
├── UnknownChannelError     no worker has such a notification channel (also a LookupError)
├── HandlerError            a handler cannot be found or loaded
├── StoreUnavailableError   Redis cannot be reached or refuses: try again (also a ConnectionError)
│   └── EmbeddedServerError the managed server could not be started
├── UnsafePathError         another user could change a file or folder of ours (also a PermissionError)
├── RunTimeoutError         a run did not finish within the time waited (also a TimeoutError)
├── AuditWriteError         a record is not in the audit stream (also an OSError)
└── FleetError              beat, a worker or a server did not start or stay up
```
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SHOWN_BEFORE: Final = 60
_SHOWN_AFTER: Final = 20


class MissionControlError(Exception):
    """Every error that Mission Control raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a definition.

    `path` names the field (`schedule.time`, `tasks[3].retry_policy.max_retries`; empty for the whole),
    `message` says what is wrong with which value and what would be right.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def under(self, parent: str) -> Problem:
        """Return the same problem seen from outside `parent`."""
        separator = "" if self.path.startswith("[") or not self.path else "."
        return Problem(f"{parent}{separator}{self.path}", self.message)


class _InvalidError(MissionControlError, ValueError):
    def __init__(self, problems: Sequence[Problem], *, subject: str = "definition") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{subject}: {count} problem{'' if count == 1 else 's'}"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class InvalidTaskError(_InvalidError):
    """A task definition is not valid; `problems` lists everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem], *, subject: str = "task definition") -> None:
        super().__init__(problems, subject=subject)


class InvalidResourceError(_InvalidError):
    """A named limit or a budget is not valid; `problems` lists everything that is wrong with it."""


class InvalidLimitError(InvalidResourceError):
    """A named limit is not valid."""


class InvalidBudgetError(InvalidResourceError):
    """A budget is not valid."""


class InvalidGrantError(InvalidResourceError):
    """A grant is not valid."""


class InvalidFilterError(MissionControlError, ValueError):
    """A filter cannot be read: `problem` says what is expected at `position`, which counts from 0."""

    def __init__(self, problem: str, text: str, position: int) -> None:
        self.problem, self.position = problem, position
        start = max(0, position - _SHOWN_BEFORE)
        shown = "".join(one if one.isprintable() else " " for one in text[start : position + _SHOWN_AFTER])
        mark = f"\n  {shown}\n  {' ' * (position - start)}^" if text else ""
        super().__init__(f"filter, character {position + 1}: {problem}{mark}")


class WideSearchError(MissionControlError):
    """A filter would have to look at `to_scan` runs or tasks, more than are looked at unasked."""

    def __init__(self, message: str, to_scan: int) -> None:
        self.to_scan = to_scan
        super().__init__(message)


class InvalidSpendError(MissionControlError, ValueError):
    """What a handler says that it has spent is no amount; nothing was counted."""


class TaskFileError(MissionControlError, ValueError):
    """A task file cannot be read, decoded or applied; nothing of it was applied."""


class HistoryError(MissionControlError, ValueError):
    """A question in SQL cannot be answered; the message says why, or what to install."""


class PlanRefusedError(MissionControlError):
    """A plan was changed by hand, is of another installation, or no longer holds; nothing was applied."""


class PlanOvertakenError(PlanRefusedError):
    """Others changed some tasks while a plan was applied; these are left as they are, all others are done."""


class RevisionDiffersError(MissionControlError):
    """A task has another revision than the one that the caller has read; nothing was changed."""


class AccountError(MissionControlError, ValueError):
    """There is no account of that span of time, or a file is no account; the message says what to do."""


class SettingsError(MissionControlError, ValueError):
    """A setting (environment variable) has a value that cannot be used."""


class UnknownTaskError(MissionControlError, LookupError):
    """No task has the given id."""


class UnknownRunError(MissionControlError, LookupError):
    """The ledger has no run of the given id; finished runs are dropped after their retention."""


class UnknownPauseError(MissionControlError, LookupError):
    """No such pause is in force."""


class UnknownOccurrenceError(MissionControlError, LookupError):
    """The schedule has no such occurrence, or it was fired already; the message names the nearest ones."""


class UnknownBackfillError(MissionControlError, LookupError):
    """No backfill has the given id; those that are over are dropped after the retention of runs."""


class UnknownResourceError(MissionControlError, LookupError):
    """No limit, or no budget, has the given name."""


class UnknownLimitError(UnknownResourceError):
    """No limit has the given name."""


class UnknownBudgetError(UnknownResourceError):
    """No budget has the given name."""


class UnknownGrantError(UnknownResourceError):
    """No grant has the given name."""


class UnknownApprovalError(MissionControlError, LookupError):
    """No change waits for an approval under the given id, or no longer."""


class GrantRefusedError(MissionControlError, PermissionError):
    """The holder of a grant may not do that; nothing was changed. The message has every reason."""


class ResourceInUseError(MissionControlError):
    """Tasks refer to a limit or budget in a way that does not allow the change; nothing was changed."""


class LimitInUseError(ResourceInUseError):
    """Tasks refer to the limit."""


class BudgetInUseError(ResourceInUseError):
    """Tasks refer to the budget."""


class UnknownChannelError(MissionControlError, LookupError):
    """No live worker has the notification channel."""


class HandlerError(MissionControlError):
    """A handler path names nothing that may be run, or its module cannot be loaded."""


class StoreUnavailableError(MissionControlError, ConnectionError):
    """Redis is unreachable or refuses the operation.

    Nothing was changed, unless the connection broke before the answer came: then it may have been.
    """


class EmbeddedServerError(StoreUnavailableError):
    """The managed Redis server could not be started or adopted."""


class UnsafePathError(MissionControlError, PermissionError):
    """Another user could change a file or folder that must be ours alone; it was not used.

    The message names the place and the remedy; `filename` is the path that was asked for.
    """

    def __init__(self, problem: str, path: str | os.PathLike[str]) -> None:
        super().__init__(errno.EACCES, problem, os.fspath(path))

    def __str__(self) -> str:
        return str(self.strerror)


class RunTimeoutError(MissionControlError, TimeoutError):
    """A run did not reach its end within the time the caller was willing to wait."""


class AuditWriteError(MissionControlError, OSError):
    """A record could not be written; it is not in the file, and may be appended again.

    `errno` and `filename` are those of the failed call. A fragment of the record may be in the file; the
    next record of any process starts on a line of its own.
    """


class FleetError(MissionControlError):
    """Beat, the worker or a server did not start, or ended on its own; the message says why."""
