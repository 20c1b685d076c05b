from __future__ import annotations

import pytest

from mission_control.model.values.handler_paths import handler_path_problem


@pytest.mark.parametrize("path", ["handlers.daily_briefing.run", "handlers.os.system", "handlers.x2.Run"])
def test_handler_path_with_three_parts_is_valid(path: str) -> None:
    assert handler_path_problem(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "handlers",
        "handlers.../x",
        "handlers.a.b.c",
        "handlers._private.run",
        "handlers.a.__init__",
        "handlers.a.run\n",
        "handlers.class.run",
        "handlers.../../etc/passwd",
        "os.system('rm -rf /')",
        "handlers.größe.run",
        "x" * 100_000,
        "handlers." + "x" * 100_000 + ".run",
    ],
)
def test_invalid_handler_path_error_shows_the_right_form(path: str) -> None:
    problem = handler_path_problem(path)
    assert problem is not None
    assert "is not a handler path; write handlers.<module>.<function>" in problem
    assert len(problem) < 400
    assert "\n" not in problem


@pytest.mark.parametrize(
    "written",
    [
        "daily_briefing",
        "daily_briefing.run",
        "handlers.daily_briefing",
        "handlers/daily_briefing.py",
        "handlers.daily_briefing:run",
        "workers.handlers.daily_briefing.run",
    ],
)
def test_differently_written_handler_path_error_suggests_the_intended_one(written: str) -> None:
    problem = handler_path_problem(written)
    assert problem is not None
    assert problem.endswith('did you mean "handlers.daily_briefing.run"?')
