"""The budgets."""

from collections.abc import Iterable
from typing import ClassVar

from mission_control.errors import BudgetInUseError, UnknownBudgetError
from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.task import TaskDefinition
from mission_control.registry.named_resources import NamedResources
from mission_control.store import redis_keys


class Budgets(NamedResources[Budget]):
    """The budgets. What was spent, and what runs have reserved, stays when one is changed or removed."""

    kind = Budget
    key: ClassVar[str] = redis_keys.BUDGETS
    unknown: ClassVar = UnknownBudgetError
    in_use: ClassVar = BudgetInUseError

    def _uses(self, task: TaskDefinition) -> Iterable[tuple[str, int]]:
        return [(use.name, 1) for use in task.budgets]
