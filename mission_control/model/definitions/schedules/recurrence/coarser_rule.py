"""The same recurrence rule in longer periods.

`dateutil` goes through a rule period by period: second by second, if the rule says SECONDLY. "Every 15
minutes" is the same as "every hour at the minutes 0, 15, 30 and 45", with a quarter of the steps.
"""

import math
from dataclasses import replace
from datetime import datetime

from mission_control.model.definitions.schedules.recurrence.rule import RecurrenceRule

# By frequency: the coarser one, the part that lists the finer units, and how many there are.
_COARSER = {
    "SECONDLY": ("MINUTELY", "BYSECOND", 60),
    "MINUTELY": ("HOURLY", "BYMINUTE", 60),
    "HOURLY": ("DAILY", "BYHOUR", 24),
}
_FINEST_FIRST = ("BYSECOND", "BYMINUTE", "BYHOUR")
# Listing more times than these in each period costs more than it saves.
_MOST_TIMES = 1_440
# With an interval in seconds that fits into no minute, finding an hour of the day may take this many steps.
_MOST_STEPS = 5_000
_SECONDS_OF_A_DAY = 86_400


def coarser(rule: RecurrenceRule, begin: datetime) -> RecurrenceRule:
    """Return a rule with the same occurrences from `begin` on, in periods as long as is sensible.

    Raises:
        ValueError: the interval never meets the times that the rule names, or takes too long to.

    >>> from datetime import datetime
    >>> from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule
    >>> rule = coarser(parse_recurrence_rule("FREQ=HOURLY;INTERVAL=12"), datetime(2026, 1, 1, 9))
    >>> rule.frequency, rule.listed("BYHOUR")
    ('DAILY', ['9', '21'])
    """
    while rule.frequency in _COARSER:
        frequency, part, units = _COARSER[rule.frequency]
        if units % rule.interval:
            break
        start = {"BYHOUR": begin.hour, "BYMINUTE": begin.minute, "BYSECOND": begin.second}[part]
        met = set(range(start % rule.interval, units, rule.interval))
        listed = sorted(met.intersection(map(int, rule.listed(part))) if part in rule.by else met)
        if not listed:
            raise ValueError(
                f"INTERVAL={rule.interval} never meets {part}={rule.by[part]}; change one of them"
            )
        by = {**rule.by, part: ",".join(map(str, listed))}
        longer = replace(rule, frequency=frequency, interval=1, by=by)
        finer = _FINEST_FIRST[: _FINEST_FIRST.index(part) + 1]
        if math.prod(max(1, len(longer.listed(one))) for one in finer) > _MOST_TIMES:
            break
        rule = longer
    steps = _SECONDS_OF_A_DAY // math.gcd(rule.interval, _SECONDS_OF_A_DAY)
    if rule.frequency == "SECONDLY" and "BYHOUR" in rule.by and steps > _MOST_STEPS:
        raise ValueError(
            f"an interval of {rule.interval} seconds does not work with BYHOUR; use one that divides a minute"
        )
    return rule
