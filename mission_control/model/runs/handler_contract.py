"""The types of the handler contract: `def run(context: HandlerContext) -> HandlerResult`."""

from datetime import datetime
from typing import Any, Literal, NotRequired, Protocol, TypedDict


class HandlerResult(TypedDict):
    """What a handler returns: `output` is any JSON value, `error` a text that says what went wrong."""

    status: Literal["success", "failure"]
    output: NotRequired[Any]
    error: NotRequired[str | None]


class RunResult(TypedDict):
    """The result of a run that is over; one that its handler did not fail itself is a `failure` as well."""

    status: Literal["success", "failure"]
    output: Any
    error: str | None


class ExecutionResult(RunResult):
    """The result of a run in this process."""

    execution_id: str


class TaskResult(ExecutionResult):
    """The result of a run in this process, and the task that it is of."""

    task_id: str


class UpstreamResult(TypedDict):
    """How a run ended that this one came after; `left_out` if its output was too large to be given."""

    execution_id: str
    status: str
    output: Any
    error: str | None
    left_out: NotRequired[bool]


class Once(Protocol):
    """`context["once"]`: whether to bring an effect about now."""

    def __call__(self, key: str) -> bool:
        """Return True if this is the first time that the run asks for `key`."""

    def forget(self, key: str) -> None:
        """Remove the mark: the effect has certainly not happened."""


class Cooldown(Protocol):
    """`context["cooldown"]`: let no run begin by a limit for some seconds."""

    def __call__(self, limit: str, seconds: float) -> bool:
        """Return whether the limit pauses."""


class Spend(Protocol):
    """`context["spend"]`: count what the run has spent for its budgets."""

    def __call__(self, *, usd: float = 0, tokens: int = 0) -> bool:
        """Return whether something is left of each budget."""


class HandlerContext(TypedDict):
    """What a handler is called with."""

    task_id: str
    scheduled_time: datetime
    execution_id: str
    attempt: int
    params: dict[str, Any]
    trigger: str
    upstream: dict[str, UpstreamResult]
    last_success_time: datetime | None
    once: Once
    cooldown: Cooldown
    spend: Spend
