from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def hello(handler: Callable[[str], Any]) -> Any:
    return handler("handlers.hello.run")


def test_hello_without_a_name_greets_the_world(hello: Any) -> None:
    assert hello({"params": {}}) == {"status": "success", "output": "Hello, world!", "error": None}


def test_hello_with_a_name_greets_it(hello: Any) -> None:
    assert hello({"params": {"name": "Ada"}})["output"] == "Hello, Ada!"


def test_hello_without_params_succeeds(hello: Any) -> None:
    assert hello({"task_id": "t"})["status"] == "success"


def test_misspelt_param_fails_and_names_the_right_one(hello: Any) -> None:
    result = hello({"params": {"nam": "Ada"}})
    assert result["status"] == "failure"
    assert result["error"] == 'params: 1 problem\n  params.nam: unknown key; did you mean "name"?'


def test_params_that_are_not_an_object_fail(hello: Any) -> None:
    result = hello({"params": ["Ada"]})
    assert "a list is not an object" in result["error"]
