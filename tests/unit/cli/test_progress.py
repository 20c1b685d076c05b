from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from mission_control.cli.terminal import progress


@pytest.mark.parametrize(
    ("total", "is_terminal", "is_shown"),
    [(5_000, True, True), (5_000, False, False), (20, True, False)],
    ids=["many", "many without a terminal", "a few"],
)
def test_progress_of_much_work_is_one_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, total: int, is_terminal: bool, is_shown: bool
) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=is_terminal, width=80)
    monkeypatch.setattr(progress, "console", lambda **_: console)
    with progress.progress_bar("applying", total) as advance:
        for done in (total // 2, total):
            advance(done)
    assert (f"{total}/{total}" in written.getvalue()) == is_shown
    assert bool(written.getvalue()) == is_shown
