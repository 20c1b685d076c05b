"""A guard over the connections that libraries open by themselves.

They have no parameter for a network of ours, follow redirects, and resolve names again. Python reports every
connection to its audit hooks (PEP 578) before it is made, and a hook may refuse it.
"""

import errno
import os
import socket
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from mission_control.model.values.addresses import Network, address_problem

_EVENTS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
# No host stands for any address of this machine.
_ANY: Final = "0.0.0.0"  # noqa: S104  # connected to, not bound
_Judge = Callable[[socket.socket, Any], str | None]
_problem: ContextVar[_Judge | None] = ContextVar("outbound_problem", default=None)
SETTING: Final = "MISSION_CONTROL_OUTBOUND_ALLOW"


@contextmanager
def guarded_connections(allowed: Sequence[Network], refused: Callable[[str], object]) -> Iterator[None]:
    """Refuse connections that this context opens to addresses that are neither public nor `allowed`.

    Guarantees: it covers threads that run in a copy of this context; `refused` is called with each reason.
    When it ends, so do the connections, and these threads open no others: none hangs on. Does not cover
    threads without this context, sockets of this machine (AF_UNIX), and code that bypasses Python's sockets.
    """
    _install()
    guard = _Guard(allowed, refused)
    token = _problem.set(guard.problem)
    try:
        yield
    finally:
        _problem.reset(token)
        guard.end()


class _Guard:
    def __init__(self, allowed: Sequence[Network], refused: Callable[[str], object]) -> None:
        self._allowed = allowed
        self._refused = refused
        self._connections: list[socket.socket] = []
        self._is_over = False

    def problem(self, connection: socket.socket, address: Any) -> str | None:  # noqa: ANN401  # see _refusal
        """Return why a connection is refused; None, and keep hold of it, if it is not."""
        found = "the time for it is over" if self._is_over else _refusal(address, self._allowed)
        if found is not None:
            self._refused(found)
        elif isinstance(address, tuple) and connection.type == socket.SOCK_STREAM:
            # A copy: TLS takes the descriptor away from the socket.
            self._connections.append(socket.socket(fileno=os.dup(connection.fileno())))
        return found

    def end(self) -> None:
        self._is_over = True
        for one in self._connections:
            with one, suppress(OSError):  # it was never made
                one.shutdown(socket.SHUT_RDWR)


@cache
def _install() -> None:
    sys.addaudithook(_hook)


def _hook(
    event: str,
    arguments: tuple[Any, ...],
    guarded: Collection[str] = _EVENTS,
    judge: ContextVar[_Judge | None] = _problem,
) -> None:
    # Python clears this module's globals before it ends, and still calls the hook then.
    if event not in guarded:
        return
    problem = judge.get()
    found = None if problem is None else problem(*arguments[:2])
    if found is not None:
        raise PermissionError(errno.EACCES, found)


def _refusal(address: Any, allowed: Sequence[Network]) -> str | None:  # noqa: ANN401  # each family has its own
    if not isinstance(address, tuple):
        return None
    host = str(address[0])
    refusals = (refusal(host, one, allowed) for one in _numeric(host))
    return next((one for one in refusals if one is not None), None)


def _numeric(host: str) -> list[str]:
    """Return the addresses of a host; libraries nearly always connect to one that they have resolved."""
    found = socket.getaddrinfo(host or _ANY, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def refusal(host: str, address: str, allowed: Sequence[Network]) -> str | None:
    """Return why `address`, which `host` stands for, is not called; None if it is public or `allowed`.

    >>> refusal("nas.example", "10.0.0.7", ())
    'nas.example (10.0.0.7) is a private address and is not called; to allow it, the operator adds it to \
MISSION_CONTROL_OUTBOUND_ALLOW'
    """
    kind = address_problem(address, allowed)
    if kind is None:
        return None
    named = host if host == address else f"{host} ({address})"
    return f"{named} is a {kind} address and is not called; to allow it, the operator adds it to {SETTING}"
