"""What `mission-control up` shows: a short introduction, then one line for each event."""

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from mission_control.cli.live.service_output import LogLine
from mission_control.cli.tasks.plan import summary
from mission_control.cli.terminal.output import echo_line, facts, lines_of, near, tell
from mission_control.cli.terminal.wording import local_time
from mission_control.cli.views.audit_view import LiveLines
from mission_control.configuration.settings import Settings
from mission_control.model.values.zones import zone
from mission_control.operate.apply import apply_task_file
from mission_control.registry.named_resources import NamedResources
from mission_control.registry.registry import Registry
from mission_control.store.address.url_spelling import mask_password

_LONGEST_LINE: Final = 8_192
_SERVICE_STYLES: Final = {"beat": "magenta", "worker": "blue", "web": "cyan", "up": "bold"}
_LEVEL_STYLES: Final = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


class Screen:
    """Writes to the terminal; several threads may use it."""

    def __init__(self, timezone: str, clock: Callable[[], datetime]) -> None:
        self._timezone = timezone
        self._clock = clock
        self._lines = LiveLines(timezone)

    def introduce(self, redis_url: str, registry: Registry, settings: Settings, *, applied: str) -> None:
        """Show where Redis, the tasks and the audit stream are."""
        embedded = "" if settings.redis_url else " (its own, in the data directory)"
        enabled = registry.overview(due_limit=0).enabled
        rows = [
            ("redis", f"{mask_password(redis_url)}{embedded}"),
            ("tasks", f"{enabled} enabled{applied}"),
            ("audit", near(settings.task_execution_log)),
            ("times", self._timezone),
        ]
        tell(facts(rows))
        self.say("starting beat and worker …")

    def log(self, service: str, line: LogLine) -> None:
        """Show a service's log line, as a whole."""
        style = _LEVEL_STYLES.get(line.level, "dim")
        text = lines_of(line.text[:_LONGEST_LINE])
        self._line(service, line.time, text, style)

    def say(self, text: str) -> None:
        """Show a message of this command."""
        now = local_time(self._clock().replace(microsecond=0), zone(self._timezone))[11:]
        self._line("up", now, text, "")

    def record(self, record: dict[str, Any]) -> None:
        """Show an audit record."""
        with _full_disk_ignored():
            echo_line(self._lines.line(record))

    def _line(self, service: str, time: str, text: str, style: str) -> None:
        name = (f"{service:<8}", _SERVICE_STYLES.get(service, ""))
        line = Text.assemble((f"{time:<8}", "dim"), " ", name, " ", (text, style))
        with _full_disk_ignored():
            tell(line)


@contextmanager
def _full_disk_ignored() -> Iterator[None]:
    """Lose a line of a log file rather than beat and worker."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise


def apply_own_tasks(registry: Registry, file: Path, resources: Mapping[str, NamedResources[Any]]) -> str:
    """Apply the installation's task file, if there is one, and return in words what that did.

    Raises:
        TaskFileError: the task file cannot be read.
        InvalidTaskError: a task in it is wrong; nothing was applied.
    """
    if not file.exists():
        return ""
    return f" ({near(file)}: {summary(apply_task_file(registry, file, resources).counts())})"
