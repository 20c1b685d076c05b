"""The filter language on the pages Runs and Tasks, held against REST."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.stage.seeded_history import seed
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@pytest.fixture
def web(installation: Installation) -> Web:
    """A server of an installation with a history."""
    seed(installation, runs_each=60)
    return Web(installation)


def shown(web: Web, path: str, field: str) -> list[str]:
    """Return the runs or tasks that a page shows, with all its pages."""
    found, text = list[str](), web.ask("GET", path).text
    while True:
        found += [
            unescape(part.split('"')[0]) for part in text.split(f'type="checkbox" name="{field}" value="')[1:]
        ]
        older = re.search(r'<a href="([^"]+)">(?:Older|Next)</a>', text)
        if older is None:
            return found
        text = web.ask("GET", path.partition("?")[0] + unescape(older[1])).text


@pytest.mark.parametrize(
    "asked",
    [
        "state:failed task:billing",
        "task:b* -state:success",
        'error:"month 13" -task:billing',
        "late>300ms since:6h",
        "-cause:overlap state:skipped,missed",
    ],
)
def test_page_of_runs_takes_what_rest_takes(web: Web, asked: str) -> None:
    given = web.ask("GET", "/api/v1/runs", params={"q": asked, "limit": "500"}).json()["items"]
    assert given
    found = shown(web, f"/runs?{urlencode({'q': asked, 'n': 7})}", "run")
    assert sorted(found) == sorted(one["execution_id"] for one in given)


@pytest.mark.parametrize(
    "asked", ["task:b*", "-task:b*", "state:enabled -task:billing", "failures>=1 task:*s"]
)
def test_page_of_tasks_takes_what_rest_takes(web: Web, asked: str) -> None:
    given = web.ask("GET", "/api/v1/tasks", params={"q": asked, "limit": "500"}).json()["items"]
    assert shown(web, f"/tasks?{urlencode({'q': asked})}", "task") == sorted(one["id"] for one in given)


def test_filter_that_cannot_be_read_stays_in_its_field_with_the_place_marked(web: Web) -> None:
    text = web.ask("GET", f"/runs?{urlencode({'q': 'task:tea state:<b>'})}").text
    assert 'value="task:tea state:&lt;b&gt;"' in text
    assert re.search(r"<pre>filter, character 16:[^<]*\^</pre>", text)


def test_day_of_the_calendar_leads_to_its_runs(web: Web, installation: Installation) -> None:
    ended = installation.ledger.runs_of("billing", limit=1)[0].finished_at
    text = web.ask("GET", f"/calendar?task=billing&month={ended:%Y-%m}").text
    days = re.findall(r'<a class="small" href="(/runs[^"]+)">(\d+) runs?</a>', text)
    assert days
    assert [len(shown(web, unescape(link), "run")) for link, _ in days] == [int(count) for _, count in days]
