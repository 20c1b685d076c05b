"""What `mission-control up` shows: a short introduction, then one line for each thing that happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mission_control.cli.live.embedded_watch import EmbeddedWatch
from mission_control.cli.tasks.apply import summary
from mission_control.cli.terminal.output import echo_line, near, printable, table, tell, tell_line
from mission_control.cli.terminal.wording import local_time
from mission_control.cli.views.audit_view import LiveLines
from mission_control.operate.apply import apply_task_file
from mission_control.store.address.url_spelling import mask_password

if TYPE_CHECKING:
    from mission_control.cli.live.log_line import LogLine
    from mission_control.installation.installation import Installation

_SERVICE_STYLES: Final = {"beat": "magenta", "worker": "blue", "up": "bold"}
_LEVEL_STYLES: Final = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


class Screen:
    """Writes to the terminal; may be used by several threads."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lines = LiveLines(installation.settings.timezone)

    def introduce(self) -> None:
        """Apply the task file, and say what is used.

        Raises:
            TaskFileError: the task file cannot be read.
            InvalidTaskError: a task in it is wrong; nothing was applied.
        """
        installation, settings = self._installation, self._installation.settings
        embedded = "" if settings.redis_url else " (its own, in the data directory)"
        applied = ""
        if settings.default_tasks_file.exists():
            applied = f" ({near(settings.default_tasks_file)}: {summary(apply_task_file(installation))})"
        enabled = installation.registry.overview(due_limit=0).enabled
        rows = [
            ("redis", f"{mask_password(installation.redis_url)}{embedded}"),
            ("tasks", f"{enabled} enabled{applied}"),
            ("audit", near(settings.task_execution_log)),
        ]
        tell(table("", "", rows=rows, header=False))
        self.say("starting beat and worker …")

    def announce_ready(self) -> None:
        """Say that everything runs."""
        self.say("everything is up; Ctrl-C stops it")

    def watch(self) -> EmbeddedWatch | None:
        """Return who looks after the embedded server, if there is one."""
        return None if self._installation.settings.redis_url else EmbeddedWatch(self._installation, self.say)

    def log(self, service: str, line: LogLine) -> None:
        """Show a service's log line."""
        style = _LEVEL_STYLES.get(line.level, "dim")
        self._line(service, line.time, printable(line.text), style, is_cut=not line.is_trouble)

    def say(self, text: str) -> None:
        """Show what this command itself has to say."""
        self._line("up", self._now(), text, "")

    def record(self, record: dict[str, Any]) -> None:
        """Show an audit record."""
        echo_line(self._lines.line(record))

    def _line(self, service: str, time: str, text: str, style: str, *, is_cut: bool = False) -> None:
        from rich.text import Text

        name = (f"{service:<8}", _SERVICE_STYLES.get(service, ""))
        line = Text.assemble((f"{time:<8}", "dim"), " ", name, " ", (text, style))
        tell_line(line) if is_cut else tell(line)

    def _now(self) -> str:
        from mission_control.model.values.zones import zone

        now = local_time(
            self._installation.clock().replace(microsecond=0), zone(self._installation.settings.timezone)
        )
        return now[11:]
