"""What Mission Control itself keeps in a task: who created it, and how its runs ended."""

from pydantic import Field

from mission_control.model.values.fields import Instant, Line
from mission_control.model.values.frozen_model import FrozenModel


class Metadata(FrozenModel):
    """When and by whom a task was created and last changed; None where that is not known yet.

    `revision` counts the task's versions from 1.
    """

    created: Instant | None = None
    created_by: Line | None = None
    last_modified: Instant | None = None
    revision: int = Field(default=1, ge=1)


class ExecutionHistory(FrozenModel):
    """A summary of the task's runs, as of the moment it was read.

    A definition may have it, because the file format does, but the ledger's values are the true ones. What
    was not fired, the state, the problem of a quarantined task, and the issues that `task list` shows are not
    written to files.
    """

    last_run: Instant | None = None
    next_run: Instant | None = None
    total_runs: int = Field(default=0, ge=0)
    success_count: int = Field(default=0, ge=0)
    failure_count: int = Field(default=0, ge=0)
    skipped_count: int = Field(default=0, ge=0, exclude=True)
    missed_count: int = Field(default=0, ge=0, exclude=True)
    consecutive_skips: int = Field(default=0, ge=0, exclude=True)
    state: Line | None = Field(default=None, exclude=True)
    problem: str | None = Field(default=None, exclude=True)
    issues: list[dict[str, str]] | None = Field(default=None, exclude=True)
