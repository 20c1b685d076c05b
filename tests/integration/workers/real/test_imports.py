"""What a worker imports when Mission Control starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def test_worker_imports_no_terminal_library_and_no_plugin_of_celerys_command(live: LiveInstallation) -> None:
    names = ["celery.bin.celery", "click_repl", "flower", "prompt_toolkit", "workers.app"]
    assert live.ended(live.run("handlers.imports.run", {"names": names})).output == ["workers.app"]
