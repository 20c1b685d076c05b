from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.processes.ups import TASKS, Up, with_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(with_tasks(tmp_path, TASKS))
    try:
        yield running
    finally:
        running.close()
