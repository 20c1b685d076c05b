from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.settings import read_settings
from mission_control.errors import SettingsError
from mission_control.installation.installation import Installation
from mission_control.store.embedded.embedded_server import join_embedded_server

if TYPE_CHECKING:
    from pathlib import Path


def test_configured_url_is_used_and_no_server_starts(tmp_path: Path) -> None:
    settings = read_settings(redis_url="redis+socket:///run/redis.sock", data_dir=tmp_path / "data")
    assert Installation(settings).redis_url == "unix:///run/redis.sock"
    assert not (tmp_path / "data").exists()


def test_wrong_url_is_refused_and_no_server_starts(tmp_path: Path) -> None:
    settings = read_settings(redis_url="http://localhost", data_dir=tmp_path / "data")
    with pytest.raises(SettingsError, match="MISSION_CONTROL_REDIS_URL"):
        _ = Installation(settings).redis_url
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_missing_url_joins_the_embedded_server(tmp_path: Path, blank: str | None) -> None:
    url = Installation(read_settings(redis_url=blank, data_dir=tmp_path)).redis_url
    server = join_embedded_server(tmp_path)
    assert url == server.url
    server.leave()
