"""Grants: what the holder of a token, a program or an agent, may change by itself."""

import re
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from mission_control.errors import InvalidGrantError, Problem
from mission_control.model.definitions.named_budget import Budget, cap_of
from mission_control.model.definitions.named_resource import NamedResource
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.fields import Instant, Line, Span, checked_by
from mission_control.model.values.handler_paths import handler_path_problem

TOOLS: Final = ("list", "show", "why", "next", "history", "account", "plan", "apply", "pause", "run")
"""What a holder may be granted. `apply` registers, changes, renews and removes; `pause` also resumes."""

PERMISSIONS: Final = ("read", "run", "pause", "edit", "admin")
"""What a person or program may be permitted with tasks of others; `admin` is all, and any includes `read`."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_THRESHOLD: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?) ?(runs|usd)?/d")


def _name(value: str) -> None:
    if _NAME.fullmatch(value) is None:
        raise ValueError(
            f'{quoted(value)} is no name of a grant; use up to 64 letters, digits, "_", "." and "-", '
            "and begin with a letter or digit"
        )


def _handlers(value: str) -> None:
    problem = handler_path_problem(value.replace("*", "x"))
    if problem is not None:
        raise ValueError(f"{problem}; * stands for any part: handlers.reports.*")


def _tool(value: str) -> None:
    if value not in TOOLS:
        raise ValueError(
            f"{quoted(value)} is no tool{did_you_mean(value, TOOLS)}; they are {', '.join(TOOLS)}"
        )


def _permission(value: str) -> None:
    if value not in PERMISSIONS:
        known = ", ".join(PERMISSIONS)
        raise ValueError(
            f"{quoted(value)} is no permission{did_you_mean(value, PERMISSIONS)}; they are {known}"
        )


def thresholds_in(text: str) -> dict[str, float]:
    """Return what needs no approval a day, by unit.

    >>> thresholds_in("48/d, 2.5usd/d")
    {'runs': 48.0, 'usd': 2.5}

    Raises:
        ValueError: a part is none, or a unit is given twice.
    """
    parts = [_THRESHOLD.fullmatch(one.strip()) for one in text.split(",")]
    found = {one[2] or "runs": float(one[1]) for one in parts if one is not None}
    if len(found) < len(parts) or not found.get("runs", 0.0).is_integer():
        raise ValueError(
            f'{quoted(text)} is no number of runs or dollars a day; write "48/d", "2usd/d", "48/d,2usd/d", '
            'or "0/d" for every task'
        )
    return found


def _threshold(value: str) -> None:
    thresholds_in(value)


class Grant(NamedResource):
    """What a holder may do with its own tasks, which are those whose owner is `grant:NAME`.

    `permissions` are for tasks of others, by the web server: those of `owners` or with one of `tags`, and
    where neither is given all.

    `min_interval` and `expire_tasks` are seconds; tasks expire so long after their last change. A change that
    makes its tasks due more often, or spend more, than `approve_above` needs an approval.
    """

    noun: ClassVar[str] = "grant"
    invalid: ClassVar = InvalidGrantError

    name: Annotated[str, checked_by(_name)]
    handlers: tuple[Annotated[str, checked_by(_handlers)], ...] = Field(default=(), strict=False)
    permissions: tuple[Annotated[str, checked_by(_permission)], ...] = Field(default=(), strict=False)
    owners: tuple[Line, ...] = Field(default=(), strict=False)
    tags: tuple[Line, ...] = Field(default=(), strict=False)
    tools: tuple[Annotated[str, checked_by(_tool)], ...] = Field(default=TOOLS, strict=False, min_length=1)
    max_tasks: int = Field(default=20, ge=0, le=10_000)
    min_interval: Span = 300.0
    expire_tasks: Span = 604_800.0
    runs: Line | None = None
    usd: Line | None = None
    approve_above: Annotated[str, checked_by(_threshold)] | None = None
    created: Instant
    expires: Instant
    token_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    @property
    def owner(self) -> str:
        """The owner of the holder's tasks, the name of their budget, and who it is in records."""
        return f"grant:{self.name}"

    @property
    def thresholds(self) -> dict[str, float]:
        """How many runs, and dollars, a day need no approval; without a unit any number."""
        return {} if self.approve_above is None else thresholds_in(self.approve_above)

    @property
    def budget(self) -> Budget | None:
        """The budget that all its tasks are under."""
        return Budget(name=self.owner, runs=self.runs, usd=self.usd) if self.runs or self.usd else None

    def has_handler(self, path: str) -> bool:
        """Return whether a task of the holder may have a handler."""
        return any(fnmatchcase(path, one) for one in self.handlers)

    def task_end(self, now: datetime) -> datetime:
        """Return when a task expires that is changed now."""
        return (now + timedelta(seconds=self.expire_tasks)).replace(microsecond=0)

    def words(self) -> str:
        """Say what it grants."""
        if not self.handlers:
            of = [f"owner {one}" for one in self.owners] + [f"tag {one}" for one in self.tags]
            return f"{', '.join(self.permissions)} of {' and '.join(of) or 'all tasks'}"
        many = f"up to {self.max_tasks} tasks of {', '.join(self.handlers)}"
        spent = f", {self.budget.words()} in all" if self.budget is not None else ""
        return f"{many}, at least {self.min_interval:g} s apart{spent}"

    def problem(self) -> Problem | None:
        """Return that it grants nothing, or what is wrong with its budget."""
        if not self.handlers and not self.permissions:
            return Problem("handlers", "name the handlers that its tasks may have, or give permissions")
        for unit in ("runs", "usd"):
            try:
                cap_of(unit, getattr(self, unit) or "1/d")
            except ValueError as error:
                return Problem(unit, str(error))
        return None

    def computed(self) -> dict[str, Any]:
        """Return nothing: scripts get the numbers that they need."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """Return it for people and programs, without its token's digest."""
        return {name: one for name, one in self.to_dict().items() if name != "token_sha256"}
