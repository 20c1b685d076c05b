"""The form that moves one occurrence, as a browser without JavaScript sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.stage.seeded_history import seed
from tests.stage.web import Web

if TYPE_CHECKING:
    import httpx

    from mission_control.installation.installation import Installation


def posted(web: Web, action: str, **fields: str) -> httpx.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    return web.ask("POST", f"/do/{action}", content=urlencode(fields), headers=form)


def test_occurrence_is_moved_where_the_form_says_and_back(installation: Installation) -> None:
    seed(installation, runs_each=2)
    web = Web(installation)
    task = installation.registry.definition("daily_briefing")
    assert task is not None
    due = task.schedule.next_after(installation.clock())
    assert due is not None
    one = {"task": "daily_briefing", "at": due.isoformat(), "back": "/tasks/daily_briefing"}
    assert 'action="/do/move"' in web.ask("GET", "/tasks/daily_briefing").text
    for wrong, words in {"": "is empty", "someday": "someday"}.items():
        answer = posted(web, "move", **one, to=wrong)
        assert (answer.status_code, words in answer.text) == (422, True)
    later = due + timedelta(hours=1)
    assert posted(web, "move", **one, to=later.isoformat()).status_code == 303
    (moved,) = installation.pauses.read().changed_of("daily_briefing")
    assert moved.to == later
    posted(web, "unskip", **one)
    assert installation.pauses.read().changed_of("daily_briefing") == []
