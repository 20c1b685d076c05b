"""How many commands clients send a server, as the server counts them; those inside scripts do not count."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Final, Self

import redis

from benchmarks.place import Place
from mission_control.store.connection import connect

_INSIDE_SCRIPT: Final = "lua"
_PATIENCE_SECONDS: Final = 60.0


class CommandCount:
    """Counts from the beginning of the `with` statement to its end; then `commands` says how many there were.

    A pipeline counts once for each of its commands, so this is an upper bound for round trips. Those of the
    place's own client are left out.
    """

    def __init__(self, place: Place) -> None:
        self.commands = 0
        self._place = place
        self._client = connect(place.url)
        self._own = str(place.client.client_info()["addr"])
        self._last_word = f"end-of-count-{id(self)}"
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._is_listening = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_listening.wait(_PATIENCE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place.client.echo(self._last_word)
        self._thread.join(_PATIENCE_SECONDS)
        self._client.close()

    def _count(self) -> None:
        with self._client.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis-py's
            self._is_listening.set()
            while True:
                one = _next_command(monitor)
                if self._last_word in one["command"]:
                    return
                address = f"{one['client_address']}:{one['client_port']}"
                self.commands += one["client_type"] != _INSIDE_SCRIPT and address != self._own


def _next_command(monitor: Any) -> dict[str, Any]:  # noqa: ANN401  # redis-py's own type
    while True:
        try:
            return dict(monitor.next_command())
        except redis.TimeoutError:
            continue
