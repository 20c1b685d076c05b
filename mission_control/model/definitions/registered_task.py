"""A registered task as `get_task` returns it: its definition, written out, and its history."""

from typing import Any, Literal, NotRequired, TypedDict

TaskState = Literal["enabled", "disabled", "completed", "quarantined"]


class TaskHistory(TypedDict):
    """Counters of a task's runs, when it last ran and will run next (ISO 8601, UTC), and its state."""

    last_run: str | None
    next_run: str | None
    total_runs: int
    success_count: int
    failure_count: int
    skipped_count: int
    missed_count: int
    consecutive_skips: int
    state: TaskState
    problem: str | None


class RegisteredTask(TypedDict):
    """A task; what few tasks have is there only if it was given. One that is damaged may lack more.

    `schedule` is an object, or None for a task without one.
    """

    id: str
    name: str
    description: str
    schedule: Any
    handler: str
    enabled: bool
    metadata: dict[str, Any]
    execution_history: TaskHistory
    retry_policy: dict[str, Any]
    params: dict[str, Any]
    secret: list[str]
    timeout_seconds: float | None
    expires_seconds: float | None
    fresh_process: bool
    misfire: dict[str, Any]
    overlap: Literal["skip", "queue", "queue_latest", "allow", "replace"]
    queue_limit: int
    after: NotRequired[list[dict[str, Any]]]
    join: NotRequired[Literal["all", "any"]]
    condition: NotRequired[str | dict[str, Any] | None]
    limits: NotRequired[list[str | dict[str, Any]]]
    budgets: NotRequired[list[str | dict[str, Any]]]
    deadline: NotRequired[dict[str, Any] | None]
    pause_after_failures: NotRequired[int | None]
    probe_after: NotRequired[list[str | float]]
    notify: NotRequired[dict[str, Any]]
    queue: str
    priority: int
    owner: str
    tags: list[str]
