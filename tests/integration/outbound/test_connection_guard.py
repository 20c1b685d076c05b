"""Connections that a library opens itself, on sockets of every kind."""

from __future__ import annotations

import contextvars
import socket
import subprocess
import sys
import threading
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from mission_control.model.values.addresses import parse_network
from mission_control.outbound.connection_guard import guarded_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAYS: dict[str, Callable[[socket.socket, int], object]] = {
    "connect": lambda one, port: one.connect(("127.0.0.1", port)),
    "connect_ex": lambda one, port: one.connect_ex(("127.0.0.1", port)),
    "sendto": lambda one, port: one.sendto(b"x", ("127.0.0.1", port)),
    "sendto with flags": lambda one, port: one.sendto(b"x", 0, ("127.0.0.1", port)),
    "sendmsg": lambda one, port: one.sendmsg([b"x"], [], 0, ("127.0.0.1", port)),
    "another spelling": lambda one, port: one.connect(("0x7f.1", port)),
    "a name": lambda one, port: one.connect(("localhost", port)),
    "no host": lambda one, port: one.connect(("", port)),
}


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        yield listener


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_reach_a_private_address_is_refused_with_the_reason(
    way: str, datagrams: socket.socket
) -> None:
    refused: list[str] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        guarded_connections((), refused.append),
        pytest.raises(PermissionError, match="address and is not called"),
    ):
        WAYS[way](sender, datagrams.getsockname()[1])
    assert "address and is not called" in refused[0]
    with pytest.raises(BlockingIOError):
        datagrams.recv(10)


def test_guard_holds_in_copies_of_its_context_and_nowhere_else(
    datagrams: socket.socket, tmp_path: Path
) -> None:
    address = datagrams.getsockname()
    outcomes: list[str] = []

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            try:
                sender.sendto(b"sent", address)
                outcomes.append("sent")
            except PermissionError:
                outcomes.append("refused")

    def in_thread(work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(timeout=10)

    with guarded_connections((), lambda _: None):
        copy = contextvars.copy_context()
        in_thread(send)
        in_thread(lambda: copy.run(send))
        with socket.socket(socket.AF_UNIX) as local, pytest.raises(FileNotFoundError):
            local.connect(str(tmp_path / "socket"))
    in_thread(lambda: copy.run(send))  # a library that was given up goes on in a thread of its own
    send()
    with guarded_connections([parse_network("127.0.0.0/8")], lambda _: None):
        send()
    assert outcomes == ["sent", "refused", "refused", "sent", "sent"]


def test_guard_says_nothing_while_python_ends() -> None:
    ends = """
        import sys
        from mission_control.outbound import connection_guard

        with connection_guard.guarded_connections((), print):
            pass
        for name in [*vars(connection_guard)]:  # as Python clears a module
            setattr(connection_guard, name, None)
        sys.audit("socket.connect", None, ("127.0.0.1", 1))
    """
    ended = subprocess.run(
        [sys.executable, "-c", dedent(ends)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
