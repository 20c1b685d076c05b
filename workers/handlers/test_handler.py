"""A handler that succeeds, fails or sleeps on request, to try out schedules, retries and time limits."""

import time
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.model.values.fields import FrozenModel, Text

_LONGEST_SLEEP_SECONDS = 86_400


class _Params(FrozenModel):
    """`fail`: true or "result" returns a failure, "raise" raises. `fail_times`: only the first N attempts."""

    fail: Literal[True, False, "raise", "result"] = False
    fail_times: int | None = Field(default=None, ge=0)
    sleep_seconds: float = Field(default=0, ge=0, le=_LONGEST_SLEEP_SECONDS)
    output: Any = "Hello world: the test handler ran"
    error: Text = "the test handler failed, as its params request"


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Succeed, fail or sleep as `params` request: fail, fail_times, sleep_seconds, output, error."""
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    if params.sleep_seconds:
        time.sleep(params.sleep_seconds)
    if not _must_fail(params, context.get("attempt", 1)):
        return success(params.output)
    if params.fail == "raise":
        raise RuntimeError(params.error)
    return failure(params.error)


def _must_fail(params: _Params, attempt: int) -> bool:
    """With `fail_times`, that many first attempts fail, and `fail` only says how."""
    return params.fail is not False if params.fail_times is None else attempt <= params.fail_times
