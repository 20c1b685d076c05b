"""A guard over the connections that libraries open by themselves.

They have no parameter for a network of ours, follow redirects, and resolve names again. Python reports every
connection to its audit hooks (PEP 578) before it is made, and a hook may refuse it.
"""

import errno
import socket
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from mission_control.model.values.addresses import Network
from mission_control.outbound.refusal import refusal

_EVENTS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
# No host stands for any address of this machine.
_ANY: Final = "0.0.0.0"  # noqa: S104  # connected to, not bound
_problem: ContextVar[Callable[[Any], str | None] | None] = ContextVar("outbound_problem", default=None)


@contextmanager
def guarded_connections(allowed: Sequence[Network], refused: Callable[[str], object]) -> Iterator[None]:
    """Refuse connections that this context opens to addresses that are neither public nor `allowed`.

    Guarantees: it covers threads that run in a copy of this context, even after it has ended; `refused` is
    called with each reason. Does not cover threads without this context, sockets of this machine (AF_UNIX),
    and code that bypasses Python's sockets.
    """
    _install()

    def problem(address: Any) -> str | None:  # noqa: ANN401  # each address family has its own form
        found = _refusal(address, allowed)
        if found is not None:
            refused(found)
        return found

    token = _problem.set(problem)
    try:
        yield
    finally:
        _problem.reset(token)


@cache
def _install() -> None:
    sys.addaudithook(_hook)


def _hook(
    event: str,
    arguments: tuple[Any, ...],
    guarded: Collection[str] = _EVENTS,
    judge: ContextVar[Callable[[Any], str | None] | None] = _problem,
) -> None:
    # Python clears this module's globals before it ends, and still calls the hook then.
    if event not in guarded:
        return
    problem = judge.get()
    found = None if problem is None else problem(arguments[1])
    if found is not None:
        raise PermissionError(errno.EACCES, found)


def _refusal(address: Any, allowed: Sequence[Network]) -> str | None:  # noqa: ANN401  # see above
    if not isinstance(address, tuple):
        return None
    host = str(address[0])
    refusals = (refusal(host, one, allowed) for one in _numeric(host))
    return next((one for one in refusals if one is not None), None)


def _numeric(host: str) -> list[str]:
    """Return the addresses of a host; libraries nearly always connect to one that they have resolved."""
    found = socket.getaddrinfo(host or _ANY, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
