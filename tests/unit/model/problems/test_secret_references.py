"""References to secrets, masks and marks in a definition, as they are checked at the door."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.dispatch.run_options import checked_params
from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import parse_task

TASK = {"id": "door", "schedule": {"type": "daily", "time": "09:00"}, "handler": "handlers.hello.run"}
NO_REFERENCE = 'is not a reference to a secret; write {"secret": "env:NAME"} or'


@pytest.mark.parametrize(
    "text",
    ["hunter2", "evn:TOKEN", "env:", "env:A B", "file:relative", "file:/run/../etc/shadow", "file:", "ENV:A"],
)
def test_text_that_is_no_reference_is_refused_without_being_quoted(text: str) -> None:
    params = {"doors": [{"code": {"secret": text}}]}
    for check in (lambda: parse_task({**TASK, "params": params}), lambda: checked_params(params)):
        with pytest.raises(InvalidTaskError) as caught:
            check()
        assert f"doors[0].code: {NO_REFERENCE}" in str(caught.value)
        assert len(text) < 6 or text not in str(caught.value)


@pytest.mark.parametrize("reference", ["env:TOKEN", "env:_a1", "file:/run/secrets/token", "file:/a/..data/b"])
def test_reference_is_stored_as_it_is(reference: str) -> None:
    params = {"token": {"secret": reference}}
    assert parse_task({**TASK, "params": params}).to_dict()["params"] == params


@pytest.mark.parametrize("params", [{"pin": "***"}, {"hook": {"url": "https://hooks.example.org/***"}}])
def test_mask_given_for_a_secret_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(InvalidTaskError, match="stands for a secret that was masked; write the value"):
        parse_task({**TASK, "params": params})


def test_mark_that_names_no_param_is_refused_with_the_nearest_name() -> None:
    doors = {"doors": [{"code": 1}]}
    assert parse_task({**TASK, "params": doors, "secret": ["code"]}).secret == ("code",)
    with pytest.raises(InvalidTaskError, match=r"secret\[0\]: 'cod' is no name in .*did you mean \"code\"\?"):
        parse_task({**TASK, "params": doors, "secret": ["cod"]})
