"""What becomes of an incident, cell by cell; the page has the same table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from mission_control.model.definitions.task_parts import Notify
from mission_control.model.policies.incidents import (
    MOST_CAUSES,
    Incident,
    News,
    after_notice,
    news_of,
    opened,
    recovered,
    repeated,
    reported,
)
from mission_control.model.policies.notices import Notice
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "notifications.md"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOTIFY = Notify(on=("failure", "recovery"), remind_every="24h")  # type: ignore[arg-type]
CAUSES: Final = {"same": "API down", "other": "disk full"}


def notice(cause: str = "same", event: str = "failure", at: datetime = NOW) -> Notice:
    return Notice(event=event, task="tea", at=at, cause=CAUSES[cause], notify=NOTIFY.model_dump_json())


def states() -> dict[str, Incident]:
    new = opened(notice(), NOTIFY)
    open_ = reported(new, NOW)
    assert open_ is not None
    over = recovered(open_, NOW)
    assert over is not None
    return {
        "new": new,
        "open": open_,
        "changed": repeated(open_, notice("other"), NOTIFY),
        "recovered": over,
    }


def name_of(incident: Incident | None, now: datetime = NOW) -> str:
    if incident is None:
        return "none"
    news = news_of(incident, now)
    if incident.is_over and news is News.NEW:
        return "new, and recovered"
    return "open" if news is None else str(news)


def row(state: str, incident: Incident) -> str:
    cells = [
        name_of(repeated(incident, notice(), NOTIFY)),
        name_of(repeated(incident, notice("other"), NOTIFY)),
        name_of(recovered(incident, NOW)),
        name_of(incident, NOW + 25 * HOUR),
        name_of(reported(incident, NOW)),
    ]
    return f"| {' | '.join((state, *cells))} |"


def table() -> str:
    head = ["| incident | same cause | another cause | success | `remind_every` is over | it was reported |"]
    begun = name_of(opened(notice(), NOTIFY))
    first = f"| none | {begun} | {begun} | none | none | none |"
    return "\n".join([*head, "|---|---|---|---|---|---|", first, *(row(*one) for one in states().items())])


def test_page_has_the_table_of_the_function() -> None:
    assert table() in PAGE.read_text("utf-8"), f"the table in docs/notifications.md should be:\n{table()}"


def test_reminder_is_reported_again_each_period_and_not_before() -> None:
    incident = states()["open"]
    assert news_of(incident, NOW + 23 * HOUR) is None
    assert news_of(incident, NOW + 24 * HOUR) is News.REMINDED
    again = reported(incident, NOW + 24 * HOUR)
    assert again is not None
    assert news_of(again, NOW + 47 * HOUR) is None
    assert news_of(again, NOW + 48 * HOUR) is News.REMINDED


def test_causes_that_take_turns_are_news_once_each() -> None:
    incident: Incident | None = states()["changed"]
    for cause in ("same", "other", "same"):
        assert incident is not None
        incident = reported(incident, NOW)
        assert incident is not None
        incident = repeated(incident, notice(cause), NOTIFY)
        assert incident.unreported is None


def test_ever_new_causes_are_no_news_in_the_end() -> None:
    incident = states()["open"]
    for number in range(MOST_CAUSES * 2):
        one = Notice(event="failure", task="tea", at=NOW, cause=f"error {number}")
        incident = reported(repeated(incident, one, NOTIFY), NOW) or incident
    assert len(incident.causes) == MOST_CAUSES
    last = Notice(event="failure", task="tea", at=NOW, cause="yet another")
    assert repeated(incident, last, NOTIFY).unreported is None


def test_end_is_not_reported_without_recovery() -> None:
    incident = reported(opened(notice(), Notify()), NOW)
    assert incident is not None
    assert recovered(incident, NOW) is None


def test_success_ends_the_trouble_of_its_task_only_and_is_reported_if_asked_for() -> None:
    wanted = Notify(on=("failure", "success"))
    known = after_notice(
        {}, Notice(event="failure", task="tea", at=NOW, cause="x", notify=wanted.model_dump_json())
    )
    known = {key: one for key, incident in known.items() if (one := reported(incident, NOW)) is not None}
    success = Notice(event="success", task="tea", at=NOW, cause="success", notify=wanted.model_dump_json())
    after = after_notice(known, success)
    assert {key: one.unreported for key, one in after.items()} == {"success": News.NOTED}
    assert reported(after["success"], NOW) is None


@pytest.mark.parametrize("event", ["missed", "skipped"])
def test_missed_and_skipped_end_with_a_success_too(event: str) -> None:
    known = after_notice({}, notice(event=event))
    known = {key: one for key, incident in known.items() if (one := reported(incident, NOW)) is not None}
    assert after_notice(known, notice(event="success"))[event].unreported is News.RECOVERED
