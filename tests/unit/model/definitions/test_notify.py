from __future__ import annotations

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import parse_task


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"remind_every": 0}, "notify.remind_every: 0 is too small"),
        ({"remind_every": "often"}, "notify.remind_every: 'often' is no duration"),
        ({"remind_every": float("nan")}, "notify.remind_every"),
        ({"digest": "1s"}, "notify.digest: '1s' is too small; use 60 or more"),
        ({"digest": True}, "notify.digest: true is not a number"),
        ({"on": ["failures"]}, 'did you mean "failure"?'),
        ({"to": ["json://ada@example.org"]}, "is not a channel's name"),
        ({"every": "1h"}, "notify.every: unknown key"),
    ],
)
def test_impossible_value_is_refused_and_named(given: object, problem: str) -> None:
    task = {"id": "a", "schedule": {"type": "daily", "time": "09:00"}, "handler": "handlers.hello.run"}
    with pytest.raises(InvalidTaskError) as caught:
        parse_task({**task, "notify": given})
    assert problem in str(caught.value)
