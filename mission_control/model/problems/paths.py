"""The place of a fault in a definition, as its author wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mission_control.model.problems.json_values import key_in_path


@dataclass(frozen=True)
class Place:
    """A place in a definition: the possible models of the object it is in (`parents`), and of itself."""

    path: str
    parents: list[type[BaseModel]]
    models: list[type[BaseModel]]

    @property
    def siblings(self) -> list[str]:
        """The keys known in the object that the place is in."""
        return [key for one in self.parents for key in _fields(one)]

    @property
    def nested(self) -> list[str]:
        """The paths of the keys one level further in than `siblings`."""
        fields = [(key, field) for one in self.parents for key, field in _fields(one).items()]
        return [f"{key}.{inner}" for key, field in fields for one in _models(field) for inner in _fields(one)]

    @property
    def tags(self) -> list[str]:
        """The names that choose between the models that may stand at the place."""
        return [tag for one in self.models for tag in _tags(one)]


def place_of(model: type[BaseModel], location: tuple[int | str, ...], data: object = None) -> Place:
    """Return the place of pydantic's `location` in data for `model`.

    pydantic's location of a fault also has the tags of unions (`schedule`, `daily`, `time`). The author
    did not write those, so this follows the annotations and leaves the tags out; in `data` it sees where a
    single item stands for a list.

    >>> from mission_control.model.definitions.retry_policy import RetryPolicy
    >>> place_of(RetryPolicy, ("jitter",)).path
    'jitter'
    """
    path, models = "", [model]
    parents: list[type[BaseModel]] = []
    for step in location:
        tagged = [one for one in models if len(models) > 1 and step in _tags(one)]
        if tagged:
            models = tagged
        elif isinstance(step, int):
            is_single = isinstance(data, str | Mapping)
            path, parents = path if is_single else f"{path}[{step}]", []
            data = data if is_single else _inner(data, step)
        else:
            data = _inner(data, step)
            path, parents = key_in_path(path, step), models
            models = [one for parent in parents for one in _models(_fields(parent).get(step))]
    return Place(path, parents, models)


def _inner(data: object, step: int | str) -> object:
    """Return what stands in data at a step; None if it is not known."""
    if isinstance(data, Mapping):
        return data.get(step)
    if isinstance(data, list | tuple) and isinstance(step, int) and step < len(data):
        return data[step]
    return None


def _models(field: FieldInfo | None) -> list[type[BaseModel]]:
    """Return the models that may stand in a field, or in a list in it."""
    return _models_in(field.annotation) if field is not None else []


def _models_in(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401  # annotations are of any kind
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the keys that definitions have."""
    model.model_rebuild()  # a model that is built at its first use does not know all its fields before
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _tags(model: type[BaseModel]) -> list[str]:
    """Return the tag of a model in a union: the value of its first field that has only one possible value."""
    annotations = [field.annotation for field in _fields(model).values()]
    choices = [get_args(one) for one in annotations if get_origin(one) is Literal]
    return next((list(names) for names in choices if len(names) == 1), [])
