"""All problems of a definition, each with its path and its remedy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.problems.json_values import key_in_path
from mission_control.model.problems.messages import message_of, unknown_choice, unknown_key

# A definition with more faults than this has one cause, and each message takes time.
MOST_PROBLEMS = 200


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


def problems_of(error: ValidationError, model: type[BaseModel], data: object = None) -> list[Problem]:
    """Return the problems of data that failed to validate as `model`, in the order of the fields.

    Beyond `MOST_PROBLEMS` only their number is given. A validator that raises `InvalidTaskError` reports
    several problems at once, with paths below its own field. Paths are those of `data`, where that is given.
    """
    errors = error.errors(include_url=False)
    problems = [problem for one in errors[:MOST_PROBLEMS] for problem in _problems(one, model, data)]
    hidden = len(errors) - MOST_PROBLEMS
    return problems if hidden <= 0 else [*problems, Problem("", f"… and {hidden:,} more")]


def _problems(error: ErrorDetails, model: type[BaseModel], data: object) -> list[Problem]:
    if _follows_from_another(error):
        return []
    place = place_of(model, error["loc"], data)
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InvalidTaskError):
        return [one.under(place.path) if place.path else one for one in cause.problems]
    if error["type"] == "extra_forbidden":
        return [Problem(place.path, unknown_key(str(error["loc"][-1]), place.siblings, place.nested))]
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return [_tag_problem(error, place)]
    return [Problem(place.path, message_of(error))]


def _follows_from_another(error: ErrorDetails) -> bool:
    """Return whether the fault only follows from one in another field, or in the items of a list."""
    if error["type"] == "too_short":
        return bool(len(error["input"]) >= error["ctx"]["min_length"])
    return error["type"] == "default_factory_not_called"


def _tag_problem(error: ErrorDetails, place: Place) -> Problem:
    """Return the problem of the field that chooses between models; pydantic names the whole object."""
    field = error["ctx"]["discriminator"].strip("'")
    at = key_in_path(place.path, field)
    if error["type"] == "union_tag_not_found":
        return Problem(at, f"is missing; use one of {', '.join(place.tags)}")
    return Problem(at, unknown_choice(error["input"].get(field), place.tags))


def place_of(model: type[BaseModel], location: tuple[int | str, ...], data: object = None) -> Place:
    """Return the place of pydantic's `location` in data for `model`.

    pydantic's location of a fault also has the tags of unions (`schedule`, `daily`, `time`). The author
    did not write those, so this follows the annotations and leaves the tags out; in `data` it sees where a
    single item stands for a list.

    >>> from mission_control.model.definitions.task_parts import RetryPolicy
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
