"""What a worker imports when Mission Control starts it."""

from __future__ import annotations

from mission_control.processes.fleet import Fleet
from tests.integration.workers.real.conftest import HANDLERS
from tests.stage.live_installation import live_installation


def test_worker_imports_no_terminal_library_and_no_plugin_of_celerys_command() -> None:
    names = ["celery.bin.celery", "click_repl", "flower", "prompt_toolkit", "workers.app"]
    with live_installation(HANDLERS, kind=Fleet) as live:  # in a Python that has imported nothing before
        assert live.ended(live.run("handlers.imports.run", {"names": names})).output == ["workers.app"]
