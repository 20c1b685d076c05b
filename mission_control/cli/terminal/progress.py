"""A progress bar, on a terminal only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from mission_control.cli.terminal.output import console

_MANY: Final = 1_000


class Advance(Protocol):
    """Shows how much is done."""

    def __call__(self, completed: int, total: int | None = None) -> None:
        """Show that so many are done, of a `total` if that has changed."""


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Advance]:
    """Show a progress bar on stderr, unless there is little to do, and yield what moves it."""
    out = console(stderr=True)
    if not out.is_terminal or (total is not None and total < _MANY):
        yield _silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    with Progress(text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=out) as progress:
        bar = progress.add_task(what, total=total)

        def advance(completed: int, total: int | None = None) -> None:
            progress.update(bar, completed=completed, total=total)

        yield advance


def _silent(completed: int, total: int | None = None) -> None:
    """Show nothing."""
