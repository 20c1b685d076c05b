"""The handler contract: params checked, results in the right shape."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mission_control.errors import InvalidTaskError
from mission_control.model.problems.problems import problems_of

Params = TypeVar("Params", bound=BaseModel)


def read_params(model: type[Params], context: Mapping[str, Any]) -> Params:
    """Return the params in a handler's `context`, checked; without any, the model's defaults.

    Raises:
        InvalidTaskError: lists every problem, as `params.<name>: …`.
    """
    given = context.get("params")
    try:
        return model.model_validate({} if given is None else given)
    except ValidationError as error:
        problems = [one.under("params") for one in problems_of(error, model)]
        raise InvalidTaskError(problems, subject="params") from error


def success(output: object) -> dict[str, Any]:
    """Return the result of a handler that succeeded; `output` is any JSON value.

    >>> success("sent")
    {'status': 'success', 'output': 'sent', 'error': None}
    """
    return {"status": "success", "output": output, "error": None}


def failure(error: object, output: object = None) -> dict[str, Any]:
    """Return the result of a handler that failed, with the reason. The retry policy decides about a retry.

    >>> failure("no answer")
    {'status': 'failure', 'output': None, 'error': 'no answer'}
    """
    return {"status": "failure", "output": output, "error": str(error)}
