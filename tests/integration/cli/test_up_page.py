"""The page that `up` serves."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from mission_control.cli.up.command import _opened_page
from mission_control.cli.up.screen import Screen
from mission_control.installation.installation import Installation, current_installation
from tests.processes.ups import Up
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_page_is_served_at_the_address_that_up_prints_until_up_ends(tmp_path: Path) -> None:
    up = Up(tmp_path, page=True)
    try:
        up.wait_until_up()
        url = up.err.text.partition("the page is at ")[2].split()[0]
        assert httpx.get(f"{url}/readyz", timeout=30).json() == {"status": "ok"}
        assert httpx.get(f"{url}/api/v1/workers", timeout=30).json()["items"]
        (server,) = [one for one in up.children("--fd") if one.ppid() == up.process.pid]
        server.kill()
        assert httpx.get(f"{url}/healthz", timeout=30).status_code == 200  # by the next one
        wait_until(lambda: "web ended by itself with signal SIGKILL" in up.err.text, "its end is reported")
        up.stop(signal.SIGTERM)
        assert up.process.returncode == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
    finally:
        up.close()


def test_port_in_use_is_reported_and_does_not_stop_up(
    installation: Installation, bare_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        bare_environment.setenv("MISSION_CONTROL_WEB_PORT", str(other.getsockname()[1]))
        assert _opened_page(current_installation(), Screen("UTC", installation.clock)) is None
    assert "the page is not served: cannot listen on 127.0.0.1" in capsys.readouterr().err
