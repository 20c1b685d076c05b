"""A rule searched near the moment asked about has the occurrences that dateutil counts from its beginning."""

from __future__ import annotations

from datetime import datetime, timedelta

from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from mission_control.model.definitions.schedules.recurrence.recurrence import Recurrence
from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule

BEGIN = datetime(2024, 2, 29, 8, 15)  # noqa: DTZ001  # local time
RULES = st.builds(
    lambda parts, interval, week_start: f"{parts};INTERVAL={interval}{week_start}",
    st.sampled_from(
        [
            "FREQ=YEARLY",
            "FREQ=YEARLY;BYYEARDAY=1,60,366",
            "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1",
            "FREQ=MONTHLY",
            "FREQ=MONTHLY;BYMONTHDAY=-1,15;BYHOUR=6,18",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "FREQ=WEEKLY",
            "FREQ=WEEKLY;BYDAY=MO,WE,SU;BYSETPOS=2",
            "FREQ=DAILY;BYHOUR=6,18;BYSETPOS=-1",
            "FREQ=DAILY;BYMONTH=3,11",
            "FREQ=HOURLY;BYDAY=SA",
            "FREQ=MINUTELY;BYHOUR=9,22",
        ]
    ),
    st.sampled_from([1, 2, 3, 7]),
    st.sampled_from(["", ";WKST=SU", ";WKST=TH"]),
)


@given(text=RULES, offset=st.timedeltas(timedelta(days=-30), timedelta(days=400)))
def test_near_search_and_count_from_beginning_agree(text: str, offset: timedelta) -> None:
    counted = rrulestr(text, dtstart=BEGIN)
    nearby = Recurrence(parse_recurrence_rule(text), BEGIN)
    moment = BEGIN + offset
    assert nearby.after(moment) == counted.after(moment)
