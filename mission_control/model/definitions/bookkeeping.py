"""What Mission Control itself notes in a task: who made it, and how its runs went."""

from __future__ import annotations

from pydantic import Field

from mission_control.model.values.fields import Instant, Line
from mission_control.model.values.frozen_model import FrozenModel


class Metadata(FrozenModel):
    """When and by whom a task was made and last changed; None where that is not known yet.

    `revision` counts the task's versions from 1.
    """

    created: Instant | None = None
    created_by: Line | None = None
    last_modified: Instant | None = None
    revision: int = Field(default=1, ge=1)


class ExecutionHistory(FrozenModel):
    """A summary of the task's runs, as of the moment it was read.

    It is accepted in a definition, because the definition's file format has it, but the ledger decides.
    """

    last_run: Instant | None = None
    next_run: Instant | None = None
    total_runs: int = Field(default=0, ge=0)
    success_count: int = Field(default=0, ge=0)
    failure_count: int = Field(default=0, ge=0)
