"""`mission-control demo`."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click
from rich.text import Text

from mission_control.cli.live.stop_signals import StopRequestedError, StopSignals
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_line, facts, near, tell
from mission_control.cli.terminal.wording import own_zone, program_name
from mission_control.configuration.clock import utc_now
from mission_control.safe_paths.own_files import own_folder

if TYPE_CHECKING:
    from mission_control.configuration.settings import Settings
    from mission_control.installation.installation import Installation
    from mission_control.registry.registry import Registry

_SHOWN_WITHIN_SECONDS: Final = 45.0
# Enough for three tasks; on a large machine one process per core would start slowly.
_AT_ONCE: Final = 2
NEXT_COMMANDS: Final = (
    "up -d",
    "task add tea --handler handlers.hello.run -p name=tea --weekly 'mon,fri 16:00'",
    "task run tea --wait",
)
GREETING: Final = "greeting"
FLAKY: Final = "flaky_report"
BRIEFING: Final = "daily_briefing"

_GREETINGS: Final = 2
_FLAKY_AFTER: Final = timedelta(seconds=3)
_BRIEFING_AFTER: Final = timedelta(seconds=7)


@click.command()
@click.option("--keep", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
def demo(keep: bool) -> None:
    """Show Mission Control at work, in about 20 seconds.

    Starts a server, beat and a worker in a separate data directory, registers three tasks, and waits until
    each has run: a daily briefing, a greeting every few seconds, and a report that fails once and is
    retried. Your own tasks are not touched.
    """
    from mission_control.configuration.settings import read_settings

    place = _make_place(read_settings().data_dir, utc_now())
    _move_into(place)
    tell(f"A demo in {near(place)}; your own tasks are not touched.")
    try:
        with StopSignals() as signals, current(sets_up=True) as installation:
            _run(installation, signals, keep=keep)
    except StopRequestedError:
        raise CommandError("the demo was interrupted before its end", ExitCode.FAILED) from None


def _make_place(data_dir: Path, now: datetime) -> Path:
    """Create a private directory, below the data directory if that is writable."""
    parent = data_dir / "demo"
    try:
        own_folder(parent)
        return Path(tempfile.mkdtemp(prefix=now.strftime("%Y%m%d-%H%M%S-"), dir=parent))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="mission-control-demo-"))


def _move_into(place: Path) -> None:
    """Make this process and its children use an installation in `place`, and ignore the user's settings."""
    from mission_control.configuration.settings import PREFIX

    for name in [name for name in os.environ if name.startswith(PREFIX) and name != f"{PREFIX}TIMEZONE"]:
        del os.environ[name]
    os.environ[f"{PREFIX}DATA_DIR"] = str(place)
    os.environ[f"{PREFIX}HANDLERS"] = str(place / "handlers")


def _run(installation: Installation, signals: StopSignals, *, keep: bool) -> None:
    from mission_control.audit.stream.reader import Follower
    from mission_control.cli.live.supervisor import supervise
    from mission_control.cli.views.audit_view import LiveLines
    from mission_control.processes.fleet import Fleet
    from mission_control.processes.http_server import listen, url_of
    from mission_control.processes.keeper import Keeper

    signals.pause(0)  # a signal that came meanwhile: nothing begins
    _say("a Redis server runs")
    progress, lines = Progress(), LiveLines(own_zone().key)
    page = listen(installation.settings.web_host, 0) if keep else None
    fleet = Fleet(installation.client, installation.settings, concurrency=_AT_ONCE, page=page, tell=_say)

    def show(record: dict[str, Any]) -> None:
        progress.records.append(record)
        echo_line(lines.line(record))

    follower = Follower(installation.settings.task_execution_log)
    keeper = Keeper(fleet, installation.clock, _say, signals.pause)
    keep_up = partial(supervise, keeper, follower, show, signals.pause)
    signals.kill = fleet.hurry
    try:
        fleet.start(signals.pause)
        now = installation.clock().astimezone(own_zone())
        _register(installation.registry, demo_tasks(now))
        _wait(keep_up, progress, installation.settings.data_dir / "logs")
        if page is not None:
            _keep(keep_up, url_of(page))
    finally:
        fleet.stop()
        if page is not None:
            page.close()
        follower.close()
    _say("beat and the worker are stopped")
    _hand_over(installation.settings, progress)


def _register(registry: Registry, definitions: list[dict[str, Any]]) -> None:
    for definition in definitions:
        registry.register(definition)
        task = registry.definition(definition["id"])
        if task is not None:
            _say(f"task {task.id}: {task.schedule.describe()}")
    _say("their runs, as they end:")


def _wait(keep_up: Callable[..., None], progress: Progress, logs: Path) -> None:
    import time

    give_up_at = time.monotonic() + _SHOWN_WITHIN_SECONDS
    keep_up(lambda: not progress.missing or bool(progress.failures) or time.monotonic() > give_up_at)
    if not progress.missing and not progress.failures:
        return
    problems = progress.failures or [f"not within {_SHOWN_WITHIN_SECONDS:g} s: {', '.join(progress.missing)}"]
    raise CommandError("\n".join([*problems, f"see the logs in {near(logs)}"]), ExitCode.FAILED)


def _hand_over(settings: Settings, progress: Progress) -> None:
    """Show what the demo has left, and what to type next."""
    program = program_name()
    left = [("briefing", progress.briefing), ("audit file", settings.task_execution_log)]
    echo(facts([(what, near(place)) for what, place in left if place is not None]))
    echo("", "Now with a task of your own:", *(f"  {program} {words}" for words in NEXT_COMMANDS))


def _keep(keep_up: Callable[[], None], url: str) -> None:
    try:
        _say(f"staying up, Ctrl-C stops it; the page is at {url}")
        keep_up()
    except StopRequestedError:
        _say("stopping")


def _say(text: str) -> None:
    tell(Text(text, "cyan"))


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
