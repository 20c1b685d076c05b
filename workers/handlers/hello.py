"""A first handler: a greeting."""

from collections.abc import Mapping
from typing import Any

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.model.values.fields import FrozenModel, Line


class _Params(FrozenModel):
    name: Line = "world"


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Greet `params.name`, by default the world."""
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    return success(f"Hello, {params.name}!")
