"""Resources of their own, which tasks refer to by name and share: limits and budgets."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import ValidationError

from mission_control.errors import InvalidResourceError, Problem
from mission_control.model.problems.messages import shown
from mission_control.model.problems.problems import problems_of
from mission_control.model.values.fields import FrozenModel


class NamedResource(FrozenModel):
    """What all resources have in common: a name, and what is stored of them."""

    noun: ClassVar[str]
    invalid: ClassVar[type[InvalidResourceError]]

    name: str

    def to_dict(self) -> dict[str, Any]:
        """Return the resource as JSON has it, with the given fields alone."""
        return self.model_dump(mode="json", exclude_none=True)

    def words(self) -> str:
        """Say what the resource allows."""
        raise NotImplementedError

    def problem(self) -> Problem | None:
        """Return what is wrong with the fields together; None if nothing is."""
        raise NotImplementedError

    def computed(self) -> dict[str, Any]:
        """Return what scripts need in addition to the fields."""
        raise NotImplementedError

    def stored(self) -> str:
        """Return the resource as Redis has it."""
        return json.dumps({**self.to_dict(), **self.computed()})

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return a stored resource; None if another program has damaged it."""
        try:
            data = json.loads(text)
            return parse_resource(cls, {name: data[name] for name in cls.model_fields if name in data})
        except (ValueError, TypeError):
            return None


Resource = TypeVar("Resource", bound=NamedResource)


def parse_resource(kind: type[Resource], data: object) -> Resource:
    """Check a resource and return it.

    Raises:
        InvalidResourceError: `kind.invalid`; lists every problem.
    """
    if not isinstance(data, Mapping):
        raise kind.invalid([Problem("", f"{shown(data)} is not an object with the fields of a {kind.noun}")])
    subject = f"{kind.noun} {shown(data.get('name'))}"
    try:
        found = kind.model_validate(dict(data))
    except ValidationError as error:
        raise kind.invalid(problems_of(error, kind), subject=subject) from error
    if (problem := found.problem()) is not None:
        raise kind.invalid([problem], subject=subject)
    return found
