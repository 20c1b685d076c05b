from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.processes.ups import TASKS, Up, alive, with_tasks
from tests.stage.command_line import run_program
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.starts_early(25)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An `up` that several tests use, because it goes on whatever they do."""
    running = Up(with_tasks(tmp_path_factory.mktemp("lasting"), TASKS))
    try:
        running.wait_until_up()
        yield running
    finally:
        running.close()


def test_up_runs_the_task_file_and_leaves_no_process(up: Up) -> None:
    up.wait_until_up()
    wait_until(lambda: up.out.text.count("Hello, Ada!") >= 2, "two runs are shown", timeout=20)
    assert "1 created" in up.err.text
    started = [*up.children(), up.server()]
    assert len(started) >= 4  # the server, beat, the worker and its pool

    took = up.stop(signal.SIGINT)

    assert up.process.returncode == 0, up.err.text
    assert took < 25  # the grace of 30 s is for handlers only
    assert alive(started) == []
    assert "Traceback" not in up.err.text


def test_handler_that_is_broken_is_reported_and_runs_once_it_is_repaired(lasting: Up) -> None:
    (lasting.folder / "handlers").mkdir()
    file = lasting.folder / "handlers" / "typo.py"
    file.write_text("# Words\ndef run(context)\n    return 1\n")
    wait_until(
        lambda: ", 1 broken: typo.py line 2: expected ':'" in lasting.err.text, "it is reported", timeout=60
    )
    file.write_text(
        'def run(context):\n    return {"status": "success", "output": "repaired", "error": None}\n'
    )
    wait_until(lambda: "handlers: 7 ready" in lasting.err.text, "it is loaded")
    run_program("enqueue", "handlers.typo.run", folder=lasting.folder)
    wait_until(lambda: "repaired" in lasting.out.text, "it has run", timeout=20)


def test_service_that_dies_is_reported_and_restarted(lasting: Up) -> None:
    (beat,) = lasting.children("beat.app")
    beat.kill()
    wait_until(lambda: "beat ended by itself with signal SIGKILL" in lasting.err.text, "its end is reported")
    wait_until(lambda: lasting.children("beat.app"), "another beat is there", timeout=20)
    seen = lasting.out.text.count("success")
    wait_until(lambda: lasting.out.text.count("success") > seen + 1, "tasks run again", timeout=40)


def test_server_that_dies_is_restarted_and_tasks_go_on(lasting: Up) -> None:
    lasting.server().kill()
    wait_until(
        lambda: "the managed server had ended; it runs again" in lasting.err.text, "its end is reported"
    )
    seen = lasting.out.text.count("success")
    wait_until(lambda: lasting.out.text.count("success") > seen + 1, "tasks run again", timeout=60)


def test_up_with_a_bad_task_file_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "data" / "tasks" / "scheduled_tasks.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"tasks": [{"id": "a"}]}')
    answer = run_program("up", folder=tmp_path)
    assert answer.code == 2
    assert "tasks[0] (a).schedule" in answer.err
