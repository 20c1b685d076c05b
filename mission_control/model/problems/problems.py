"""All problems of a definition, each with its path and its remedy."""

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.problems.json_values import key_in_path
from mission_control.model.problems.messages import message_of, unknown_choice, unknown_key
from mission_control.model.problems.paths import Place, place_of

# A definition with more faults than this has one cause, and each message takes time.
MOST_PROBLEMS = 200


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
