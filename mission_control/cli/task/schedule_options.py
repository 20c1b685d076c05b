"""The options that say when a task runs: `--every 5m`, `--daily 09:00`, and others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.configuration.clock import utc_now

_WAYS: Final = {
    "every": ("DURATION", "At an interval: --every 5m, --every 1h30m."),
    "daily": ("TIMES", "Every day: --daily 09:00, --daily 09:00,17:00."),
    "weekly": ("'DAYS TIMES'", "On days of the week: --weekly 'mon,fri 16:00', --weekly 'mon-fri 09:00'."),
    "cron": ("EXPRESSION", "By a cron expression: --cron '0 9 * * 1-5'."),
    "once": ("MOMENT", "Once: --once 'tomorrow 09:00', --once '2026-12-24 18:00'."),
}
_SCHEDULE: Final = f"When it runs, in words or as JSON: {parameters.EXAMPLES['schedule']}."


def schedule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a schedule to a command."""
    meaning = "The time zone of the schedule, such as Europe/Berlin; your own by default."
    command = click.option("--tz", metavar="ZONE", help=meaning)(command)
    for way, (metavar, words) in reversed(_WAYS.items()):
        command = click.option(f"--{way}", metavar=metavar, help=words)(command)
    return click.option("--schedule", type=parameters.SCHEDULE, metavar="WORDS|JSON", help=_SCHEDULE)(command)


def schedule_given(options: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """Take the options of a schedule out of `options`; return what they set, each a path and its value.

    What names no time zone is in the user's own.

    Raises:
        click.UsageError: several are given, or one is no schedule.
    """
    given = {name: value for name in ("schedule", *_WAYS) if (value := options.pop(name, None)) is not None}
    timezone = options.pop("tz", None)
    if len(given) > 1:
        raise click.UsageError(f"give one of {', '.join(f'--{name}' for name in given)}")
    if not given:
        return [] if timezone is None else [(("schedule", "timezone"), timezone)]
    ((name, value),) = given.items()
    return [(("schedule",), in_full(name, value, timezone))]


def in_full(option: str, value: str | Mapping[str, Any], timezone: str | None) -> dict[str, Any]:
    """Return the full form of the schedule that an option gives, with a time zone.

    Raises:
        click.UsageError: it is no schedule, or names another time zone than `--tz`.
    """
    from mission_control.model.definitions.schedules.shorthand.schedules import full_schedule

    here = own_zone().key if timezone is None else timezone
    try:
        if not isinstance(value, str):
            schedule = dict(value)
        elif option == "cron":
            schedule = {"type": "cron", "expression": value}
        else:
            words = value if option == "schedule" else f"{option} {value}"
            schedule = full_schedule(words, now=utc_now(), default_timezone=here)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=f"--{option}") from error
    if timezone is not None and schedule.get("timezone", timezone) != timezone:
        raise click.UsageError(
            f"the schedule is in {schedule['timezone']}; leave --tz out, or the zone in it"
        )
    return {**schedule, "timezone": schedule.get("timezone", here)}
