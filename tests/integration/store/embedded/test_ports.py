from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from mission_control.store.embedded import server_start
from mission_control.store.embedded.server_start import SERVER_PORTS, free_port, is_free

if TYPE_CHECKING:
    import pytest


def test_free_port_is_below_those_of_outgoing_connections() -> None:
    # Linux gives out 32768 and above, macOS 49152 and above.
    assert all(20_000 <= free_port() < 32_768 for _ in range(50))


def test_free_port_is_another_one_when_usual_ports_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_start, "is_free", lambda port: port not in SERVER_PORTS)
    assert free_port() not in SERVER_PORTS


def test_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert not is_free(server.getsockname()[1])
