from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def test_handler(handler: Callable[[str], Any]) -> Any:
    return handler("handlers.test_handler.run")


def context(attempt: int = 1, **params: object) -> dict[str, Any]:
    return {"attempt": attempt, "params": params}


def test_handler_without_params_says_hello_world(test_handler: Any) -> None:
    result = test_handler(context())
    assert result["status"] == "success"
    assert "Hello world" in result["output"]


@pytest.mark.parametrize("output", ["done", {"n": 1}, [1, 2], None, 0])
def test_requested_output_is_returned(test_handler: Any, output: object) -> None:
    assert test_handler(context(output=output)) == {"status": "success", "output": output, "error": None}


@pytest.mark.parametrize("fail", [True, "result"])
def test_requested_failure_is_returned(test_handler: Any, fail: object) -> None:
    result = test_handler(context(fail=fail, error="no milk"))
    assert (result["status"], result["error"]) == ("failure", "no milk")


def test_requested_exception_is_raised(test_handler: Any) -> None:
    with pytest.raises(RuntimeError, match="no milk"):
        test_handler(context(fail="raise", error="no milk"))


def test_fail_times_fails_only_the_first_attempts(test_handler: Any) -> None:
    ends = [test_handler(context(attempt, fail_times=2))["status"] for attempt in (1, 2, 3, 4)]
    assert ends == ["failure", "failure", "success", "success"]


def test_fail_times_with_raise_raises_on_the_first_attempts(test_handler: Any) -> None:
    with pytest.raises(RuntimeError):
        test_handler(context(1, fail_times=1, fail="raise"))
    assert test_handler(context(2, fail_times=1, fail="raise"))["status"] == "success"


def test_requested_sleep_is_slept(test_handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    assert test_handler(context(sleep_seconds=2.5))["status"] == "success"
    assert slept == [2.5]


def test_invalid_params_are_all_named_at_once(test_handler: Any) -> None:
    error = test_handler(context(fail="rais", fail_times=-1, sleep_second=3))["error"]
    assert "params.fail: 'rais' is not one of" in error
    assert "params.fail_times: -1 is too small; use 0 or more" in error
    assert 'params.sleep_second: unknown key; did you mean "sleep_seconds"?' in error
