"""`mission-control`: the command at the top, and its groups of commands."""

import sys
import traceback
from typing import Any, Final, NoReturn

import rich_click as click

from mission_control.cli.terminal.failures import ExitCode, report_failures
from mission_control.cli.terminal.lazy_group import LazyGroup
from mission_control.cli.terminal.output import abandon_stdout, tell

# Nouns, then verbs, each with the place of its command in this package.
_COMMANDS: Final = {
    "up": "up.command:up",
    "down": "up.down:down",
    "demo": "demo.command:demo",
    "status": "status:status",
    "doctor": "doctor:doctor",
    "next": "next:next_times",
    "why": "why:why",
    "simulate": "simulate:simulate",
    "account": "account:account",
    "enqueue": "enqueue:enqueue",
    "pause": "pause:pause",
    "resume": "pause:resume",
    "task": "program:task",
    "backfill": "program:backfill",
    "run": "program:run",
    "limit": "program:limit",
    "budget": "program:budget",
    "grant": "program:grant",
    "approvals": "program:approvals",
    "web": "web:web",
    "mcp": "mcp:mcp",
    "handler": "program:handler",
    "audit": "program:audit",
    "notify": "program:notify",
    "url": "redis_acl:url",
    "redis-acl": "redis_acl:redis_acl",
    "completion": "completion:completion",
    "bench": "bench:bench",
}

task = LazyGroup(
    "task",
    help="Add, show, change and run tasks; apply and export files of them. `tasks` is the same group.",
    lazy={
        "list": "task.list:list_tasks",
        "show": "task.show:show",
        "add": "task.add:add",
        "update": "task.add:update",
        "enable": "task.switch:enable",
        "disable": "task.switch:disable",
        "sign": "task.switch:sign",
        "skip": "task.occurrence:skip",
        "unskip": "task.occurrence:unskip",
        "move": "task.occurrence:move",
        "run": "enqueue:run_task",
        "backfill": "backfill.start:backfill",
        "remove": "task.switch:remove",
        "history": "task.history:history",
        "revisions": "task.history:revisions",
        "rollback": "tasks.task_file:rollback",
        "plan": "tasks.plan:plan",
        "apply": "tasks.task_file:apply",
        "diff": "tasks.task_file:diff",
        "import": "tasks.import_tasks:import_tasks",
        "export": "tasks.export:export",
    },
    elsewhere={"pause": "pause:pause", "resume": "pause:resume"},
)
backfill = LazyGroup(
    "backfill",
    help="Show and cancel backfills; `task backfill` starts one.",
    lazy={
        "list": "backfill.manage:list_backfills",
        "show": "backfill.manage:show",
        "cancel": "backfill.manage:cancel",
    },
)
run = LazyGroup(
    "run",
    help="Show, cancel and repeat runs.",
    lazy={
        "list": "run.show:list_runs",
        "show": "run.show:show",
        "logs": "run.show:logs",
        "cancel": "run.control:cancel",
        "retry": "run.control:retry",
    },
)
limit = LazyGroup(
    "limit",
    help="Limit how many runs of tasks go on at a time, or in a time.",
    lazy={
        "set": "limit:set_limit",
        "list": "limit:list_limits",
        "show": "limit:show",
        "remove": "limit:remove",
    },
)
budget = LazyGroup(
    "budget",
    help="Limit what runs of tasks spend in a time.",
    lazy={
        "set": "budget:set_budget",
        "list": "budget:list_budgets",
        "show": "budget:show",
        "remove": "budget:remove",
    },
)
grant = LazyGroup(
    "grant",
    help="Grant programs and agents tasks of their own, within bounds.",
    lazy={
        "create": "grant:create",
        "list": "grant:list_grants",
        "show": "grant:show",
        "revoke": "grant:revoke",
    },
)
approvals = LazyGroup(
    "approvals",
    help="Answer what holders of grants have asked for.",
    lazy={
        "list": "approvals:list_approvals",
        "allow": "approvals:allow",
        "deny": "approvals:deny",
    },
)
handler = LazyGroup(
    "handler",
    help="List, check, write and try handlers.",
    lazy={
        "list": "handler.list:list_handlers",
        "check": "handler.list:check",
        "new": "handler.list:new",
        "test": "handler.test:test",
    },
)
audit = LazyGroup(
    "audit",
    help="Read, verify and repair the permanent record of runs.",
    lazy={
        "tail": "audit.records:tail",
        "query": "audit.records:query",
        "verify": "audit.verify:verify",
        "index": "audit.history:index",
        "keygen": "audit.verify:keygen",
        "repair": "audit.verify:repair",
        "acknowledge": "audit.verify:acknowledge",
    },
)


notify = LazyGroup(
    "notify",
    help="Try notification channels, and show who is reported of what.",
    lazy={"test": "notify:test_channel", "who": "notify:who"},
)


class Program(LazyGroup):
    """The top command; only here do errors become messages and exit codes."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:  # noqa: ANN401
        """Run a command line and end the process with its exit code."""
        extra["standalone_mode"] = False
        sys.exit(report_failures(lambda: super(Program, self).main(*args, **extra)))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # what the command returns
        """Run the requested command; `--debug` shows where an error comes from.

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
                tell(traceback.format_exc())
            raise
        return result


@click.group(
    cls=Program,
    lazy=_COMMANDS,
    aliases={
        f"{group}s": group for group in ("task", "run", "backfill", "limit", "budget", "grant", "handler")
    },
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="New here? `mission-control demo` shows it at work in 20 seconds, without touching your tasks.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="mission-control")
def program(debug: bool) -> None:  # `Program.invoke` looks at it
    """Scheduled tasks that run on time and only once, are retried by your policy, and leave a record.

    Settings are environment variables, such as MISSION_CONTROL_REDIS_URL. Without it, a Redis server starts
    in the data directory (./data); commands that read never start one in a new place.
    """
