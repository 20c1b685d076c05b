"""The log of a run in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from mission_control.cli.terminal.output import lines_of
from mission_control.cli.terminal.wording import local_time

if TYPE_CHECKING:
    from rich.text import Text

    from mission_control.dispatch.run_logs import LogLine

_STYLES: Final = {"err": "yellow", "traceback": "red"}


def log_lines(lines: Sequence[LogLine], zone: tzinfo, *, after: LogLine | None = None) -> Iterator[Text]:
    """Yield the lines, with a heading where another attempt begins and a mark where lines were dropped."""
    from rich.text import Text

    for line in lines:
        is_new = after is None or after.attempt != line.attempt
        if is_new:
            yield Text(f"attempt {line.attempt} ({zone})", style="bold")
        dropped = line.number - (1 if is_new or after is None else after.number + 1)
        if dropped > 0:
            yield Text(f"… {dropped} lines before are not kept", style="dim")
        time = local_time(line.at.replace(microsecond=0), zone)[11:]
        yield Text.assemble((f"{time}  ", "dim"), (lines_of(line.text), _STYLES.get(line.stream, "")))
        after = line
