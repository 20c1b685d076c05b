"""Loading handlers again in a worker whose threads begin runs meanwhile."""

from __future__ import annotations

from textwrap import dedent
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

from mission_control.handler_catalog.catalog import HandlerCatalog
from workers.tasks.handler_tasks import HandlerTasks

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = """
    from tests.integration.workers.process.test_handler_tasks import seen
    seen()


    def run(context):
        return {{"status": "success", "output": {number}, "error": None}}
"""


def seen() -> None:
    """Ask what a thread that begins a run now would find; the test below says."""


@pytest.fixture
def handlers(tmp_path: Path) -> HandlerTasks:
    runner: Any = SimpleNamespace(ending=None, guard=None, run=lambda _task, handler: handler({}))
    return HandlerTasks(Celery("test", set_as_current=False), HandlerCatalog([tmp_path]), runner)


def write(folder: Path, name: str, number: int) -> None:
    (folder / f"{name}.py").write_text(dedent(HANDLER).format(number=number))


def test_task_is_found_at_any_moment_while_handlers_are_loaded_again(
    handlers: HandlerTasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "one", 1)
    write(tmp_path, "two", 1)
    handlers.load()
    tasks = handlers.app.tasks
    found: list[Any] = []

    def look() -> None:
        ran = [tasks[f"handlers.{name}.run"].run() for name in ("one", "two")]
        found.append([one["output"] for one in ran])

    monkeypatch.setattr("tests.integration.workers.process.test_handler_tasks.seen", look)
    write(tmp_path, "one", 22)
    write(tmp_path, "two", 22)
    handlers.load()
    look()
    assert found == [[1, 1], [22, 1], [22, 22]]


def test_task_of_a_removed_handler_takes_no_more_messages_and_still_runs_what_it_has(
    handlers: HandlerTasks, tmp_path: Path
) -> None:
    write(tmp_path, "one", 1)
    handlers.load()
    (tmp_path / "one.py").unlink()
    handlers.load()
    task = handlers.app.tasks["handlers.one.run"]
    refused: list[Any] = []
    consumer = SimpleNamespace(on_unknown_task=lambda _body, message, _error: refused.append(message))
    task.start_strategy(handlers.app, consumer)("the message", None, None, None, [])
    assert (refused, handlers.ready) == (["the message"], {})
    assert task.run()["output"] == 1
