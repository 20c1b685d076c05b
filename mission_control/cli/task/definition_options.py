"""The options that describe a task, for `task add` and `task update`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import wraps
from typing import Any, Final, NamedTuple

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.param_pairs import param_pairs, put, with_pairs
from mission_control.cli.terminal.wording import own_zone
from mission_control.configuration.clock import utc_now
from mission_control.model.problems.suggestions import quoted

_WAYS: Final = {
    "every": ("DURATION", "At an interval: --every 5m, --every 1h30m."),
    "daily": ("TIMES", "Every day: --daily 09:00, --daily 09:00,17:00."),
    "weekly": ("'DAYS TIMES'", "On days of the week: --weekly 'mon,fri 16:00', --weekly 'mon-fri 09:00'."),
    "cron": ("EXPRESSION", "By a cron expression: --cron '0 9 * * 1-5'."),
    "once": ("MOMENT", "Once: --once 'tomorrow 09:00', --once '2026-12-24 18:00'."),
}
_SCHEDULE: Final = f"When it runs, in words or as JSON: {parameters.EXAMPLES['schedule']}."
_INPUT: Final = f"Input of the handler: {parameters.EXAMPLES['params']}."
_ANY_FIELD: Final = """Set any field: --set 'overlap="queue"' --set retry_policy.max_retries=5."""
# The field of the definition, the option, and the option's type, placeholder and help.
_OPTIONS: Final = (
    ("name", "--name", str, "TEXT", "A readable name."),
    ("description", "--description", str, "TEXT", "The task's purpose."),
    ("handler", "--handler", str, "PATH", "The handler it runs, such as handlers.hello.run."),
    ("params", "--params", parameters.PARAMS, "JSON", _INPUT),
    ("retry_policy.max_retries", "--retries", int, "N", "How many times a failed run is retried."),
    (
        "retry_policy.retry_delay_seconds",
        "--retry-delay",
        parameters.DURATION,
        "DURATION",
        "Delay before a retry, such as 5m.",
    ),
    ("retry_policy.backoff", "--backoff", str, "fixed|exponential", "How the delay grows with each retry."),
    (
        "timeout_seconds",
        "--time-limit",
        parameters.DURATION,
        "DURATION",
        "Longest time one attempt may take.",
    ),
    ("queue", "--queue", str, "TEXT", "The queue for its runs."),
    ("priority", "--priority", int, "0-9", "Priority in the queue; 0 is first."),
)


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


_NAMES: Final = ("tags", *(field.replace(".", "__") for field, *_ in _OPTIONS))


class Description(NamedTuple):
    """What the options say about a task: whole fields, and values at paths inside them."""

    fields: dict[str, Any]
    values: list[tuple[tuple[str, ...], Any]]

    def changes(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of `before` that change."""
        return merged(before, self.fields, self.values)


def definition_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a task to a command, which gets them as `description`."""

    @wraps(command)
    def described(
        *args: Any,  # noqa: ANN401
        settings: tuple[str, ...],
        pairs: tuple[tuple[tuple[str, ...], Any], ...],
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        schedule = schedule_given(options)
        given = fields_of({name: options.pop(name) for name in _NAMES})
        params = [(("params", *path), value) for path, value in pairs]
        with_pairs(None, pairs)  # none of them twice
        description = Description(given, [*schedule, *map(parse_setting, settings), *params])
        return command(*args, description=description, **options)

    made: Callable[..., Any] = click.option(
        "--set", "settings", multiple=True, metavar="KEY=JSON", help=_ANY_FIELD
    )(described)
    made = click.option("--tag", "tags", multiple=True, help="A label; repeatable.")(made)
    for field, flag, kind, metavar, meaning in reversed(_OPTIONS):
        name = field.replace(".", "__")
        made = click.option(flag, name, type=kind, metavar=metavar, help=meaning)(made)
        made = param_pairs(made) if flag == "--params" else made
    return schedule_options(made)


def fields_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a definition that the options set.

    >>> fields_of({"name": None, "retry_policy__max_retries": 0, "tags": ()})
    {'retry_policy': {'max_retries': 0}}
    """
    found: dict[str, Any] = {}
    for name, value in options.items():
        if value is not None and value != ():
            put(found, tuple(name.split("__")), list(value) if isinstance(value, tuple) else value)
    return found


def merged(
    before: Mapping[str, Any], given: Mapping[str, Any], parsed: Iterable[tuple[tuple[str, ...], Any]]
) -> dict[str, Any]:
    """Return the whole fields to replace; a dotted path changes a copy of the current field.

    >>> merged({"schedule": {"type": "daily", "time": "09:00"}}, {}, [(("schedule", "time"), "10:00")])
    {'schedule': {'type': 'daily', 'time': '10:00'}}
    """
    changes = dict(given)
    for path, value in parsed:
        if len(path) > 1 and path[0] not in changes:
            changes[path[0]] = deepcopy(before.get(path[0]))
        if len(path) > 1 and isinstance(changes[path[0]], str):
            raise click.UsageError(f"{path[0]} is in words, which have no {path[1]}; give it as a whole")
        put(changes, path, value)
    return changes


def parse_setting(text: str) -> tuple[tuple[str, ...], Any]:
    """Return the path and value of a `key=JSON`; the key may have dots.

    Raises:
        click.UsageError: it is not `key=JSON`; the value of a key that is named like a secret is not quoted.

    >>> parse_setting("retry_policy.max_retries=5")
    (('retry_policy', 'max_retries'), 5)
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise click.UsageError(f"--set: {quoted(text)} is not key=JSON; write for example --set priority=3")
    from mission_control.files.json_file import strict_json

    try:
        return tuple(key.strip().split(".")), strict_json(value)
    except (ValueError, RecursionError) as error:
        hint = f"""quote text: --set '{key}="{value}"'"""
        from mission_control.audit.record.secrets_mask import mask_text

        fault = mask_text(f"--set {key}: {quoted(value)} is not JSON ({error}); {hint}")
        raise click.UsageError(fault) from error
