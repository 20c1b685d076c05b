"""Showing an answer again and again, until Ctrl-C or until its reader has gone."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal.failures import ExitCode, message_of
from mission_control.cli.terminal.output import console, echo, frame, tell_error
from mission_control.errors import MissionControlError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_SECONDS: Final = 2.0


def watchable(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --watch to a command that shows something."""

    @wraps(command)
    def watched(*args: Any, is_watched: bool, **options: Any) -> Any:  # noqa: ANN401
        if not is_watched:
            return command(*args, **options)
        if options.get("as_json"):
            raise click.UsageError("--watch is for people; without it, --json prints the answer once")
        return _watch(partial(command, *args, **options))

    about = f"Show it again every {_SECONDS:g} seconds, until Ctrl-C."
    return click.option("--watch", "-w", "is_watched", is_flag=True, help=about)(watched)


def _watch(show: Callable[[], object]) -> object:
    codes = list[object]()
    out, shown = console(), _frame_of(lambda: codes.append(show()))
    if codes[0]:  # there is nothing to be seen
        echo(shown)
        return codes[0]
    with suppress(KeyboardInterrupt):
        _redraw(out, shown, show) if out.is_terminal else _repeat(shown, show)
    return ExitCode.DONE


def _redraw(out: Console, shown: Text, show: Callable[[], object]) -> None:
    from rich.live import Live

    live = Live(
        shown,
        console=out,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        vertical_overflow="ellipsis",
    )
    with live:
        live.refresh()
        while True:
            wait_for_reader(_SECONDS)
            live.update(_later(show), refresh=True)


def _repeat(shown: Text, show: Callable[[], object]) -> None:
    """Print the answer where there is no terminal, and again whenever it has changed."""
    before = None
    while True:
        if shown != before:
            echo(*(["", shown] if before is not None else [shown]))
        before = shown
        wait_for_reader(_SECONDS)
        shown = _later(show)


def _later(show: Callable[[], object]) -> Text:
    """Return the answer, or why there is none just now: what was there once may come back."""

    def shown() -> None:
        try:
            show()
        except (MissionControlError, click.ClickException) as error:
            tell_error(message_of(error))

    return _frame_of(shown)


def _frame_of(show: Callable[[], object]) -> Text:
    from rich.text import Text

    with frame() as kept:
        show()
    return Text.from_ansi(kept.getvalue().rstrip("\n"), no_wrap=True, overflow="crop")


def wait_for_reader(seconds: float) -> None:
    """Wait, but not for longer than stdout is read.

    Raises:
        BrokenPipeError: its reader has gone.
    """
    try:
        stdout = sys.stdout.fileno()
    except (OSError, ValueError):  # kept in memory
        time.sleep(seconds)
        return
    poll = select.poll()
    poll.register(stdout, 0)  # what is reported unasked: the other end has gone
    if poll.poll(seconds * 1_000):
        raise BrokenPipeError
