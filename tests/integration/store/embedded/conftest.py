from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.store.embedded.embedded_server import join_embedded_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "data"
    yield directory
    # Whatever a test left running is joined once more, and left by its last user.
    if (directory / "redis" / "server.json").is_file():
        join_embedded_server(directory).leave()
