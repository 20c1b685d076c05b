"""A network for `httpcore` that checks every address and ends every operation in time.

A host is resolved once, all its addresses are checked, and the connection goes to one of the checked
addresses. A name that resolves differently a moment later (DNS rebinding) gains nothing. TLS and the
`Host` header still use the host's name.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore

from mission_control.model.values.addresses import Network
from mission_control.outbound.connection_guard import refusal


class CheckedNetwork(httpcore.NetworkBackend):
    """Opens connections to public and `allowed` addresses only, until `seconds` have passed.

    Reads and writes end at that moment too, even if the other side keeps sending a little. Only the
    system's resolver bounds the lookup of a name.
    """

    def __init__(self, *, allowed: Sequence[Network], seconds: float) -> None:
        self._allowed = allowed
        self._deadline = time.monotonic() + seconds
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that answers.

        Raises:
            httpcore.ConnectError: the name is unknown, an address is not called, or none answers.
        """
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._checked_addresses(host, port):
            try:
                left = _seconds_left(self._deadline, timeout, httpcore.ConnectTimeout)
                stream = self._network.connect_tcp(address, port, left, local_address, socket_options)
                return _BoundedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def _checked_addresses(self, host: str, port: int) -> list[str]:
        """Return the host's addresses; if one is neither public nor allowed, the host is refused."""
        addresses = _resolve(host, port)
        for address in addresses:
            problem = refusal(host, address, self._allowed)
            if problem is not None:
                raise httpcore.ConnectError(problem)
        return addresses


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _seconds_left(self._deadline, timeout, httpcore.ReadTimeout)
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = _seconds_left(self._deadline, timeout, httpcore.WriteTimeout)
        self._stream.write(buffer, left)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _seconds_left(self._deadline, timeout, httpcore.ConnectTimeout)
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # httpcore's own signature
        return self._stream.get_extra_info(info)


def _resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, which may be a name or an address in any spelling (`0x7f.1`)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise httpcore.ConnectError(f"the address of {host} was not found: {reason}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _seconds_left(deadline: float, timeout: float | None, too_late: type[Exception]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise too_late("the time limit of the whole call has passed")
    return left if timeout is None else min(left, timeout)
