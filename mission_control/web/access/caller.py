"""Callers: what one may do, and with which tasks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from mission_control.errors import GrantRefusedError
from mission_control.model.definitions.grant import PERMISSIONS, Grant
from mission_control.model.definitions.task import TaskDefinition

Permission = Literal["read", "run", "pause", "edit", "admin"]


@dataclass(frozen=True)
class Caller:
    """Who calls: `name` is the actor in records. Without `owners` and `tags` all tasks are theirs."""

    name: str
    permissions: frozenset[str]
    owners: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    @classmethod
    def of(cls, grant: Grant) -> "Caller":
        """Return the holder of a grant."""
        given = frozenset(grant.permissions), frozenset(grant.owners), frozenset(grant.tags)
        return cls(grant.owner, *given)

    @classmethod
    def of_this_machine(cls, user: str) -> "Caller":
        """Return a user of this machine, who may do all."""
        return cls(user, frozenset(PERMISSIONS))

    @property
    def is_limited(self) -> bool:
        """Whether only some of the tasks are theirs."""
        return bool(self.owners or self.tags)

    def may(self, permission: str) -> bool:
        """Return whether they may do that with their tasks.

        >>> Caller("ada", frozenset({"run"})).may("read"), Caller("ada", frozenset({"run"})).may("edit")
        (True, False)
        """
        if permission == "read":
            return bool(self.permissions)
        return not self.permissions.isdisjoint({permission, "admin"})

    def has(self, owner: str, tags: Collection[str]) -> bool:
        """Return whether a task is theirs.

        >>> Caller("ada", frozenset(), tags=frozenset({"tea"})).has("api", ["tea", "daily"])
        True
        """
        return not self.is_limited or owner in self.owners or not self.tags.isdisjoint(tags)

    def mark(self) -> dict[str, Any]:
        """Return the field by which a new task is theirs, of a caller who is limited to some.

        >>> Caller("ada", frozenset({"edit"}), owners=frozenset({"kitchen"})).mark()
        {'owner': 'kitchen'}
        """
        return {"owner": min(self.owners)} if self.owners else {"tags": [min(self.tags)]}

    def require(self, task: TaskDefinition) -> None:
        """Refuse a definition by which a task would not be theirs.

        Raises:
            GrantRefusedError: says so.
        """
        if not self.has(task.owner, task.tags):
            what = f"{self.name} may have no task of owner {task.owner} with such tags"
            theirs = [f"owner {one}" for one in sorted(self.owners)] + [
                f"tag {one}" for one in sorted(self.tags)
            ]
            raise GrantRefusedError(f"{what}; give it {' or '.join(theirs)}")
