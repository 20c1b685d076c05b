"""`mission-control`: the command at the top of all others."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NoReturn

import rich_click as click

from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import report_failures
from mission_control.cli.terminal.lazy_group import LazyGroup
from mission_control.cli.terminal.output import abandon_stdout

_HERE = "mission_control.cli"


class Program(LazyGroup):
    """The top command: it alone turns errors into messages and exit codes."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:  # noqa: ANN401
        """Run a command line and end the process with its exit code."""
        extra["standalone_mode"] = False
        sys.exit(report_failures(lambda: super(Program, self).main(*args, **extra)))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # what the command returns
        """Run the command asked for; with `--debug` show where an error comes from.

        A reader of stdout that goes away, as `head` does, is no failure.
        """
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            abandon_stdout()
            return ExitCode.DONE
        except Exception:
            if ctx.params["debug"]:
                traceback.print_exc()
            raise
        return result


@click.group(
    cls=Program,
    lazy={
        "up": f"{_HERE}.up.command:up",
        "demo": f"{_HERE}.demo.command:demo",
        "status": f"{_HERE}.status:status",
        "next": f"{_HERE}.next:next_times",
        "enqueue": f"{_HERE}.enqueue:enqueue",
        "task": f"{_HERE}.task:task",
        "tasks": f"{_HERE}.tasks:tasks",
        "run": f"{_HERE}.run:run",
        "handler": f"{_HERE}.handler:handler",
        "audit": f"{_HERE}.audit:audit",
        "bench": f"{_HERE}.bench:bench",
    },
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="New here? `mission-control demo` shows it at work in 20 seconds, away from your own tasks.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="mission-control")
def program(debug: bool) -> None:  # `Program.invoke` looks at it
    """Scheduled tasks that run on time, once, are retried as told, and leave a record.

    Settings are environment variables, such as MISSION_CONTROL_DATA_DIR (./data) and
    MISSION_CONTROL_REDIS_URL (without it, a Redis of its own is started in the data directory).
    """
