"""The place of a fault in a definition, as its author wrote it."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mission_control.model.problems.json_values import key_in_path


@dataclass(frozen=True)
class Place:
    """A place in a definition.

    `parents` are the possible types of the object that contains it, `branches` the possible types of itself.
    """

    path: str
    parents: tuple[Any, ...]
    branches: tuple[Any, ...]

    @property
    def siblings(self) -> list[str]:
        """The keys known in the object that the place is in."""
        return [key for one in self.parents for key in _fields(one)]

    @property
    def nested(self) -> list[str]:
        """The paths of the keys one level further in than `siblings`."""
        return [f"{key}.{inner}" for one in self.parents for key, inner in _nested(one)]

    @property
    def tags(self) -> list[str]:
        """The names that choose between the models that may stand at the place."""
        return [tag for one in self.branches if _is_model(one) for tag in _tags(one)]


def place_of(model: type[BaseModel], location: tuple[int | str, ...]) -> Place:
    """Return the place of pydantic's `location` in data for `model`.

    pydantic's location of a fault also has the tags of unions (`schedule`, `daily`, `time`). The author
    did not write those, so this follows the annotations and leaves the tags out.

    >>> from mission_control.model.definitions.retry_policy import RetryPolicy
    >>> place_of(RetryPolicy, ("jitter",)).path
    'jitter'
    """
    path = ""
    parents: list[Any] = []
    current: list[Any] = [model]
    for step in location:
        tagged = _tagged(current, step)
        if tagged is not None:
            current = [tagged]
            continue
        path = f"{path}[{step}]" if isinstance(step, int) else key_in_path(path, step)
        parents, current = current, [branch for one in current for branch in _below(one, step)]
    return Place(path, tuple(parents), tuple(current))


def _tagged(branches: list[Any], step: int | str) -> type[BaseModel] | None:
    """Return the model of a union that `step` is the tag of."""
    models = [one for one in branches if _is_model(one)]
    if len(models) <= 1:
        return None
    return next((one for one in models if step in _tags(one)), None)


def _tags(model: type[BaseModel]) -> list[str]:
    """Return the tag of a model in a union: the value of its first field that has only one possible value."""
    annotations = [field.annotation for field in model.model_fields.values()]
    choices = [get_args(one) for one in annotations if get_origin(one) is Literal]
    return next((list(names) for names in choices if len(names) == 1), [])


def _below(branch: Any, step: int | str) -> list[Any]:  # noqa: ANN401  # annotations are of any kind
    """Return the possible types of what stands at `step` inside a value of the type `branch`."""
    if _is_model(branch):
        field = _fields(branch).get(str(step))
        return _branches(field.annotation) if field is not None else []
    origin, arguments = get_origin(branch), get_args(branch)
    if origin is dict:
        return _branches(arguments[1])
    return _branches(arguments[0]) if isinstance(step, int) and origin in {tuple, list} else []


def _branches(annotation: Any) -> list[Any]:  # noqa: ANN401
    """Return the members of a union, however it is written; of any other annotation itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [branch for one in get_args(annotation) for branch in _branches(one)]
    return [annotation]


def _fields(branch: Any) -> dict[str, FieldInfo]:  # noqa: ANN401
    """Return a model's fields by the keys that definitions have; of anything else none."""
    if not _is_model(branch):
        return {}
    return {
        field.alias if field.alias is not None else name: field for name, field in branch.model_fields.items()
    }


def _nested(branch: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    for key, field in _fields(branch).items():
        for inner_branch in _branches(field.annotation):
            yield from ((key, inner) for inner in _fields(inner_branch))


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
