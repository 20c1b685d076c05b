"""Options and types of values that several commands share."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import rich_click as click

from mission_control.model.problems.suggestions import did_you_mean
from mission_control.model.values.instants import parse_moment

EXAMPLES = {
    "schedule": """'{"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"}'""",
    "params": """'{"name": "Ada"}'""",
}


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


class Moment(click.ParamType["datetime"]):
    """A moment as ISO 8601: an aware datetime, or a naive one for local time."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """Return the moment, or fail with an example."""
        try:
            return parse_moment(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RecordStatus(click.ParamType[str]):
    """A status that audit records have."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the status, or fail with those there are and the nearest."""
        from mission_control.audit.record.records import STATUSES

        if value not in STATUSES:
            known = ", ".join(sorted(STATUSES))
            self.fail(f"{value!r} is not one of {known}{did_you_mean(value, STATUSES)}", param, ctx)
        return value


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

SCHEDULE = JsonObject(EXAMPLES["schedule"])
PARAMS = JsonObject(EXAMPLES["params"])
MOMENT = Moment()

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
reveal = click.option("--reveal", is_flag=True, help="Show secrets; only for the data directory's owner.")
reason = click.option("--reason", help="Why; kept in the record of changes.")
run_params = click.option(
    "--params", type=PARAMS, metavar="JSON", help="Params for this run; they override the task's own."
)
only_task = click.option("--task", "task_id", metavar="TASK_ID", help="Only records of this task.")
only_run = click.option("--run", "execution_id", metavar="EXECUTION_ID", help="Only records of this run.")
only_status = click.option(
    "--status", type=RecordStatus(), help="Only records with this status, such as failure."
)
task_id = click.argument("task_id")
execution_id = click.argument("execution_id")


def answer(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a command that sends a run answers."""
    waiting = click.option("--wait", is_flag=True, help="Wait until the run ends, and print its result.")
    timeout = click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="With --wait: stop waiting after this time (exit code 6); the run goes on.",
    )
    return waiting(timeout(as_json(dry_run(command))))
