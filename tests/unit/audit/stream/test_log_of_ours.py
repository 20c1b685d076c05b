"""An audit file is written only if no other user could change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError
from tests.stage.other_user import TROUBLE, give_away

if TYPE_CHECKING:
    from pathlib import Path


def test_link_that_takes_the_files_place_is_not_followed(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append({"n": 1})
    (tmp_path / "target").write_text("kept")
    log.path.unlink()
    log.path.symlink_to("target")
    with pytest.raises(AuditWriteError, match="is a link, which is not followed"):
        log.append({"n": 2})
    assert (tmp_path / "target").read_text() == "kept"


@pytest.mark.parametrize("given_away", ["logs", "logs/a.jsonl"])
def test_stream_that_another_user_could_change_is_not_written(tmp_path: Path, given_away: str) -> None:
    log = AuditLog(tmp_path / "logs" / "a.jsonl")
    log.path.parent.mkdir()
    log.path.touch()
    give_away(tmp_path / given_away)
    with pytest.raises(AuditWriteError, match=TROUBLE):
        log.append({"n": 1})
    assert log.path.read_bytes() == b""
