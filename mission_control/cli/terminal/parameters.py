"""Options and types of values that several commands share."""

import os
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, Final

import rich_click as click

from mission_control.cli.terminal.completions import RUN_IDS, TASK_IDS
from mission_control.cli.terminal.output import OUTPUT
from mission_control.cli.terminal.param_pairs import param_pairs, with_pairs
from mission_control.configuration.clock import utc_now
from mission_control.model.problems.suggestions import did_you_mean
from mission_control.model.values.durations import LONGEST_SECONDS, parse_duration

EXAMPLES = {
    "schedule": """"every 5m", 'weekly mon,fri 16:00', '{"type": "daily", "time": "09:00"}'""",
    "params": """'{"name": "Ada"}'""",
}

_SECONDS: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object, written as one argument."""

    name = "json"

    def __init__(self, example: str) -> None:
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:  # noqa: ANN401
        """Return the object, or fail with the problem and an example. It is not quoted, for its secrets."""
        if isinstance(value, dict):
            return value
        from mission_control.files.json_file import strict_json

        try:
            found = strict_json(value)
        except (ValueError, RecursionError) as error:
            self.fail(f"this is not JSON ({error}); write for example {self._example}", param, ctx)
        if not isinstance(found, dict):
            self.fail(f"this is not a JSON object; write for example {self._example}", param, ctx)
        return found


class Schedule(JsonObject):
    """A schedule: words, such as "every 5m", or a JSON object."""

    name = "schedule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Return the words as they are, or the object."""
        is_words = isinstance(value, str) and not value.lstrip().startswith(("{", "["))
        return value if is_words else super().convert(value, param, ctx)


class Moment(click.ParamType["datetime"]):
    """A moment in ISO 8601 or in words; what has no offset is in the user's own time zone.

    With `past` a duration such as "1h" lies before now, and a local time that clocks show twice is the first,
    unless it must be the `only` one.
    """

    name = "moment"

    def __init__(self, *, past: bool = False, only: bool = False) -> None:
        self._past, self._only = past, only or not past

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """Return the instant, or fail with the nearest forms."""
        if isinstance(value, datetime):
            return value
        from mission_control.cli.terminal.wording import own_zone
        from mission_control.model.definitions.schedules.clock.wall_clock import earliest, only_instant
        from mission_control.model.definitions.schedules.shorthand.moments import spoken_moment

        here = own_zone()
        try:
            moment = spoken_moment(value, utc_now(), here, past=self._past)
            return only_instant(moment, here) if self._only else earliest(moment, here)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[float]):
    """A duration in words, such as "5m" or "1h30m", or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Return the seconds, or fail with the nearest forms."""
        if not isinstance(value, str):
            return float(value)
        try:
            found = float(value) if _SECONDS.fullmatch(value) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 0 <= found <= LONGEST_SECONDS:
            self.fail(f"{value} is not between zero and ten years", param, ctx)
        return found


class Status(click.ParamType[str]):
    """One of the statuses that `known` returns."""

    name = "text"

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        self._known = known

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the status, or fail with those there are and the nearest."""
        known = sorted(self._known())
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(known)}{did_you_mean(value, known)}", param, ctx)
        return value

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
        """Return the statuses that begin so."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(one) for one in self._known() if one.startswith(incomplete)]


def _record_statuses() -> Iterable[str]:
    from mission_control.audit.record.records import STATUSES

    return STATUSES


def _work_in(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        os.environ["MISSION_CONTROL_DATA_DIR"] = value


# Every command has it, see `LazyGroup`.
DATA_DIR = click.Option(
    ["-C", "--data-dir"],
    type=click.Path(file_okay=False),
    metavar="DIR",
    expose_value=False,
    is_eager=True,
    callback=_work_in,
    help="The data directory, instead of MISSION_CONTROL_DATA_DIR (./data).",
)

SCHEDULE = Schedule(EXAMPLES["schedule"])
PARAMS = JsonObject(EXAMPLES["params"])
MOMENT, PAST_MOMENT, ONE_PAST_MOMENT = Moment(), Moment(past=True), Moment(past=True, only=True)
DURATION = Duration()


def _note_output(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    ctx.meta[OUTPUT] = value


def _is_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:  # Click's
    return value or ctx.meta.get(OUTPUT) == "json"


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ways to choose how an answer is printed; the command gets whether it is JSON as `as_json`."""
    flag = click.option("--json", "as_json", is_flag=True, callback=_is_json, help="Print JSON.")
    output = click.option(
        "-o",
        "--output",
        type=click.Choice(["wide", "json"]),
        expose_value=False,
        is_eager=True,
        callback=_note_output,
        help="wide: every column of a table, in whole. json: as --json.",
    )
    return output(flag(command))


dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
reveal = click.option("--reveal", is_flag=True, help="Show secrets; only for the data directory's owner.")
reason = click.option("--reason", help="Why; kept in the record of changes.")
only_task = click.option(
    "--task", "task_id", metavar="TASK_ID", help="Only those of this task.", shell_complete=TASK_IDS
)
only_run = click.option(
    "--run", "execution_id", metavar="EXECUTION_ID", help="Only those of this run.", shell_complete=RUN_IDS
)
only_status = click.option(
    "--status", type=Status(_record_statuses), help="Only records with this status, such as failure."
)
task_id = click.argument("task_id", shell_complete=TASK_IDS)
task_ids = click.argument("task_ids", nargs=-1, required=True, metavar="TASK_ID...", shell_complete=TASK_IDS)
maybe_task_ids = click.argument("task_ids", nargs=-1, metavar="[TASK_ID]...", shell_complete=TASK_IDS)
execution_id = click.argument("execution_id", shell_complete=RUN_IDS)
execution_ids = click.argument(
    "execution_ids", nargs=-1, required=True, metavar="EXECUTION_ID...", shell_complete=RUN_IDS
)
maybe_execution_ids = click.argument(
    "execution_ids", nargs=-1, metavar="[EXECUTION_ID]...", shell_complete=RUN_IDS
)


def run_params(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ways to give a run its params; the command gets them as `params`, None if there are none."""

    @wraps(command)
    def with_params(
        *args: Any,  # noqa: ANN401
        params: dict[str, Any] | None,
        pairs: tuple[tuple[tuple[str, ...], Any], ...],
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return command(*args, params=with_pairs(params, pairs), **options)

    meaning = "Params for this run; they override the task's own."
    whole = click.option("--params", type=PARAMS, metavar="JSON", help=meaning)
    return whole(param_pairs(with_params))


def answer(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a command that sends a run answers."""
    waiting = click.option("--wait", is_flag=True, help="Wait until the run ends, and print its result.")
    timeout = click.option(
        "--timeout",
        type=DURATION,
        metavar="DURATION",
        help="With --wait: stop waiting after this time (exit code 6); the run goes on.",
    )
    return waiting(timeout(as_json(dry_run(command))))
