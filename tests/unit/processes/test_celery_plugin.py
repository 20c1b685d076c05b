from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.processes.celery_plugin import names_ours

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "is_ours"),
    [
        (["-A", "workers.app", "worker"], True),
        (["-Abeat.app:app", "beat"], True),
        (["--app=workers.app", "flower"], True),
        (["-A", "workers", "worker"], False),
        (["-A", "their.workers.app", "worker"], False),
        (["--workdir=/srv", "-A", "workers.app", "worker"], False),
    ],
)
def test_application_of_ours_is_recognized_as_celery_reads_it(
    tmp_path: Path, arguments: list[str], is_ours: bool
) -> None:
    assert names_ours(arguments, tmp_path) is is_ours


def test_application_that_the_folder_has_is_theirs(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "app.py").touch()
    assert not names_ours(["-A", "workers.app", "worker"], tmp_path)
    assert names_ours(["-A", "beat.app", "beat"], tmp_path)
