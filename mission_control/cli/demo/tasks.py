"""The tasks of the demo, and what must happen before it ends."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

GREETING: Final = "greeting"
FLAKY: Final = "flaky_report"
BRIEFING: Final = "daily_briefing"

_GREETINGS: Final = 2
_FLAKY_AFTER: Final = timedelta(seconds=3)
_BRIEFING_AFTER: Final = timedelta(seconds=7)


def demo_tasks(now: datetime) -> list[dict[str, Any]]:
    """Return the definitions; each is due within seconds of `now`, an aware local time.

    The briefing comes last, so that it has runs to report.
    """
    zone = str(now.tzinfo)
    flaky_at, briefing_at = (now + after for after in (_FLAKY_AFTER, _BRIEFING_AFTER))
    return [
        {
            "id": GREETING,
            "name": "A greeting every three seconds",
            "schedule": {"type": "interval", "seconds": 3, "timezone": zone},
            "handler": "handlers.hello.run",
            "params": {"name": "newcomer"},
        },
        {
            "id": FLAKY,
            "name": "A report that fails once and succeeds on retry",
            "schedule": {"type": "once", "at": flaky_at.strftime("%Y-%m-%dT%H:%M:%S"), "timezone": zone},
            "handler": "handlers.test_handler.run",
            "params": {
                "fail_times": 1,
                "error": "the first attempt fails on purpose",
                "output": "the second attempt succeeded",
            },
            "retry_policy": {"max_retries": 2, "retry_delay_seconds": 1},
        },
        {
            "id": BRIEFING,
            "name": "Daily Briefing",
            "schedule": {"type": "daily", "time": briefing_at.strftime("%H:%M:%S"), "timezone": zone},
            "handler": "handlers.daily_briefing.run",
        },
    ]


@dataclass
class Progress:
    """The demo's audit records so far."""

    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """What has not happened yet, in words; empty when the demo is complete."""
        done = Counter(one["task_id"] for one in self.records if one["final"] and one["status"] == "success")
        has_retried = any(one["task_id"] == FLAKY and one["status"] == "retry" for one in self.records)
        wanted = {
            f"{_GREETINGS} runs of {GREETING}": done[GREETING] >= _GREETINGS,
            f"a failed attempt of {FLAKY}": has_retried,
            f"a success of {FLAKY} after it": done[FLAKY] >= 1,
            f"a run of {BRIEFING}": done[BRIEFING] >= 1,
        }
        return [what for what, has_happened in wanted.items() if not has_happened]

    @property
    def failures(self) -> list[str]:
        """Runs that did not end in success, in words."""
        ended = (one for one in self.records if one["final"] and one["status"] != "success")
        return [
            f"{one['execution_id']} ended {one['status']}: {one['error'] or one['reason']}" for one in ended
        ]

    @property
    def briefing(self) -> str | None:
        """The path of the briefing; None until it is written."""
        outputs = [one["output"] for one in self.records if one["task_id"] == BRIEFING]
        return next((str(one["path"]) for one in outputs if isinstance(one, dict) and "path" in one), None)
