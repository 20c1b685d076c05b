"""Mission Control: scheduled tasks that run on time and once, are retried by policy, and leave a record.

The names below are the public library; each is imported when it is first used, so that importing the
package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mission_control.dispatch.producer import enqueue, enqueue_many
    from mission_control.dispatch.run_control import CancelReply
    from mission_control.dispatch.run_handle import Run
    from mission_control.dispatch.run_options import DebounceOptions, EnqueueRequest, EnqueueResult
    from mission_control.errors import (
        BudgetInUseError,
        FleetError,
        HandlerError,
        InvalidBudgetError,
        InvalidLimitError,
        InvalidSpendError,
        InvalidTaskError,
        LimitInUseError,
        MissionControlError,
        RunTimeoutError,
        StoreUnavailableError,
        TaskFileError,
        UnknownBudgetError,
        UnknownLimitError,
        UnknownRunError,
        UnknownTaskError,
    )
    from mission_control.model.definitions.registered_task import RegisteredTask
    from mission_control.model.runs.handler_contract import (
        ExecutionResult,
        HandlerContext,
        HandlerResult,
        RunResult,
        TaskResult,
    )
    from mission_control.resource_registry import (
        RegisteredBudget,
        RegisteredLimit,
        get_budget,
        get_limit,
        list_budgets,
        list_limits,
        remove_budget,
        remove_limit,
        set_budget,
        set_limit,
    )
    from mission_control.scheduler import TaskScheduler
    from mission_control.task_registry import (
        disable_task,
        enable_task,
        get_task,
        list_tasks,
        register_task,
        unregister_task,
        update_task,
    )

__all__ = [
    "BudgetInUseError",
    "CancelReply",
    "DebounceOptions",
    "EnqueueRequest",
    "EnqueueResult",
    "ExecutionResult",
    "FleetError",
    "HandlerContext",
    "HandlerError",
    "HandlerResult",
    "InvalidBudgetError",
    "InvalidLimitError",
    "InvalidSpendError",
    "InvalidTaskError",
    "LimitInUseError",
    "MissionControlError",
    "RegisteredBudget",
    "RegisteredLimit",
    "RegisteredTask",
    "Run",
    "RunResult",
    "RunTimeoutError",
    "StoreUnavailableError",
    "TaskFileError",
    "TaskResult",
    "TaskScheduler",
    "UnknownBudgetError",
    "UnknownLimitError",
    "UnknownRunError",
    "UnknownTaskError",
    "disable_task",
    "enable_task",
    "enqueue",
    "enqueue_many",
    "get_budget",
    "get_limit",
    "get_task",
    "list_budgets",
    "list_limits",
    "list_tasks",
    "register_task",
    "remove_budget",
    "remove_limit",
    "set_budget",
    "set_limit",
    "unregister_task",
    "update_task",
]

_HOME = {
    "TaskScheduler": "scheduler",
    "CancelReply": "dispatch.run_control",
    "RegisteredTask": "model.definitions.registered_task",
    "Run": "dispatch.run_handle",
    **dict.fromkeys(
        ("ExecutionResult", "HandlerContext", "HandlerResult", "RunResult", "TaskResult"),
        "model.runs.handler_contract",
    ),
    "enqueue": "dispatch.producer",
    "enqueue_many": "dispatch.producer",
    **dict.fromkeys(("DebounceOptions", "EnqueueRequest", "EnqueueResult"), "dispatch.run_options"),
    **dict.fromkeys(
        (name for name in __all__ if name.endswith(("_limit", "_limits", "_budget", "_budgets"))),
        "resource_registry",
    ),
    **dict.fromkeys(("RegisteredBudget", "RegisteredLimit"), "resource_registry"),
    **dict.fromkeys(
        (name for name in __all__ if name.endswith("_task") or name == "list_tasks"), "task_registry"
    ),
    **dict.fromkeys((name for name in __all__ if name.endswith("Error")), "errors"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # PEP 562: whatever the name stands for
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
