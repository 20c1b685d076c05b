from __future__ import annotations

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.model.values.fields import FrozenModel


class Params(FrozenModel):
    city: str
    days: int = 1


def test_params_are_read_from_the_context() -> None:
    assert read_params(Params, {"params": {"city": "Berlin"}}) == Params(city="Berlin", days=1)


def test_params_problems_are_each_named_with_their_path() -> None:
    with pytest.raises(InvalidTaskError) as caught:
        read_params(Params, {"params": {"days": "3", "citty": "Berlin"}})
    assert [problem.path for problem in caught.value.problems] == [
        "params.city",
        "params.days",
        "params.citty",
    ]


def test_missing_params_are_read_as_empty() -> None:
    with pytest.raises(InvalidTaskError, match=r"params\.city: is missing"):
        read_params(Params, {})


def test_results_have_the_keys_of_the_contract() -> None:
    assert success([1]) == {"status": "success", "output": [1], "error": None}
    assert failure(ValueError("no"), 3) == {"status": "failure", "output": 3, "error": "no"}
