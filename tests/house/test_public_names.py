"""What programs import from the package: documented, typed, with every error in `mission_control.errors`."""

from __future__ import annotations

import builtins
import inspect
import re
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest

import mission_control
from mission_control import errors
from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.registered_task import RegisteredTask, TaskHistory
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.definitions.task_parts import ExecutionHistory
from mission_control.model.runs.handler_contract import HandlerContext
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

RAISED = re.compile(r"^ {4,12}([A-Z]\w+(?:, [A-Z]\w+)*): ", re.MULTILINE)
every_name = pytest.mark.parametrize("name", mission_control.__all__)


def functions_of(one: Any) -> Iterator[Any]:
    """Yield a function itself, or the public functions and properties of a class."""
    if not inspect.isclass(one):
        yield one
    elif not issubclass(one, BaseException):
        members = vars(one).items()
        yield from (member for name, member in members if name == "__await__" or not name.startswith("_"))


@every_name
def test_public_name_is_documented(name: str) -> None:
    one = getattr(mission_control, name)
    assert one.__doc__
    if getattr(one, "__module__", "").startswith("mission_control"):
        undocumented = [
            getattr(member, "__name__", "a property")
            for member in functions_of(one)
            if (inspect.isroutine(member) or isinstance(member, property)) and not inspect.getdoc(member)
        ]
        assert undocumented == []


@every_name
def test_public_name_stands_on_the_page_for_programs(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "producers.md").read_text("utf-8")


@every_name
def test_error_that_a_public_function_raises_is_exported(name: str) -> None:
    docs = [inspect.getdoc(member) or "" for member in functions_of(getattr(mission_control, name))]
    sections = [text.partition("Raises:")[2] for text in docs]
    raised = {error for text in sections for found in RAISED.findall(text) for error in found.split(", ")}
    assert {error for error in raised if not hasattr(errors, error) and not hasattr(builtins, error)} == set()


@every_name
def test_what_a_public_function_returns_is_typed(name: str) -> None:
    members = functions_of(getattr(mission_control, name))
    functions = [getattr(one, "fget", one) for one in members if not isinstance(one, str)]
    answers = {
        one.__qualname__: str(inspect.signature(one).return_annotation)
        for one in functions
        if inspect.isfunction(one) and one.__name__ != "__await__"
    }
    assert {function: answer for function, answer in answers.items() if "Any" in answer} == {}


def test_every_error_of_the_package_is_in_the_picture_of_errors() -> None:
    own = {name for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, Exception)}
    drawn = set(re.findall(r"[├└]── (\w+)|^(\w+)$", str(errors.__doc__), re.MULTILINE))
    assert {name for name in own if not name.startswith("_")} == {first or second for first, second in drawn}


def test_types_of_tasks_limits_and_budgets_have_the_fields_of_their_models() -> None:
    assert set(get_type_hints(RegisteredTask)) == set(TaskDefinition.model_fields)
    assert set(get_type_hints(TaskHistory)) == set(ExecutionHistory.model_fields) - {"issues"}
    assert set(get_type_hints(mission_control.RegisteredLimit)) == set(NamedLimit.model_fields)
    assert set(get_type_hints(mission_control.RegisteredBudget)) == set(Budget.model_fields)


def test_types_of_the_context_have_the_keys_that_are_described() -> None:
    text = (ROOT / "docs" / "handlers.md").read_text("utf-8")
    table = text.partition("| `context[…]` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(get_type_hints(HandlerContext))
