from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def hello(handler: Callable[[str], Any]) -> Any:
    return handler("handlers.hello.run")


def test_the_world_is_greeted_when_nobody_is_named(hello: Any) -> None:
    assert hello({"params": {}}) == {"status": "success", "output": "Hello, world!", "error": None}


def test_whoever_is_named_is_greeted(hello: Any) -> None:
    assert hello({"params": {"name": "Ada"}})["output"] == "Hello, Ada!"


def test_a_context_without_params_will_do(hello: Any) -> None:
    assert hello({"task_id": "t"})["status"] == "success"


def test_a_misspelt_param_is_a_failure_that_names_the_right_one(hello: Any) -> None:
    result = hello({"params": {"nam": "Ada"}})
    assert result["status"] == "failure"
    assert result["error"] == 'params: 1 problem\n  params.nam: unknown key; did you mean "name"?'


def test_params_that_are_no_object_are_a_failure(hello: Any) -> None:
    result = hello({"params": ["Ada"]})
    assert "is not an object of names and values" in result["error"]
