"""Checkpoints: how far each chain has come, signed, for auditors who have a public key and no Redis.

A checkpoint names the anchors that have changed since the one before it of the same process, and that one's
signature; a process's first checkpoint names all anchors. So none of them can be left out unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from redis import Redis

from mission_control.audit.stream.chain import Anchor, own_host, read_anchors
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError, SettingsError
from mission_control.events import events
from mission_control.model.values.instants import format_instant

CHECKPOINT_SECONDS: Final = 60.0
AT_LEAST_EVERY: Final = timedelta(hours=1)
"""How often there is a checkpoint even if nothing has changed: an older one shows a rollback."""

_UNSIGNED: Final = frozenset({"signature", "writer", "seq", "prev"})


def signed_text(checkpoint: Mapping[str, Any]) -> bytes:
    r"""Return what is signed of a checkpoint: all but its signature and its place in the file.

    >>> signed_text({"previous": "", "host": "a", "signature": "cd"})
    b'mission-control audit checkpoint\n{"host":"a","previous":""}'
    """
    signed = {name: value for name, value in checkpoint.items() if name not in _UNSIGNED}
    return b"mission-control audit checkpoint\n" + orjson.dumps(signed, option=orjson.OPT_SORT_KEYS)


def checkpoints_in(
    path: Path, key: Path | None, client: Redis, clock: Callable[[], datetime]
) -> Checkpoints | None:
    """Return the checkpoints in a file, signed with the private key in another; None without a key.

    Raises:
        SettingsError: the key cannot be used.
    """
    sign = None if key is None else signer_with(key)
    return None if sign is None else Checkpoints(AuditLog(path), sign, lambda: read_anchors(client), clock)


def signer_with(key: Path) -> Callable[[bytes], bytes]:
    """Return what signs with the private key in a file.

    Raises:
        SettingsError: the key cannot be used.
    """
    from mission_control.signing.ed25519 import read_private_key

    try:
        return read_private_key(str(key)).sign
    except ValueError as error:
        raise SettingsError(f"MISSION_CONTROL_AUDIT_KEY: {error}") from error


class Checkpoints:
    """Appends checkpoints to a log; `sign` has the private key, `anchors` reads the anchors of all chains."""

    def __init__(
        self,
        log: AuditLog,
        sign: Callable[[bytes], bytes],
        anchors: Callable[[], Mapping[str, Anchor]],
        clock: Callable[[], datetime],
    ) -> None:
        self._log, self._sign, self._anchors, self._clock = log, sign, anchors, clock
        self._known: Mapping[str, Anchor] = {}
        self._previous = ""
        self._due: datetime | None = None

    def write(self) -> None:
        """Write a checkpoint if a chain has moved on, or if the last one is an hour old.

        One that cannot be written is logged; the next one stands for it.

        Raises:
            RedisError: the anchors cannot be read.
        """
        anchors, now = self._anchors(), self._clock()
        changed = {name: one.to_text() for name, one in anchors.items() if self._known.get(name) != one}
        if not changed and self._due is not None and now < self._due:
            return
        said = {"timestamp": format_instant(now), "host": own_host(), "previous": self._previous}
        checkpoint = {**said, "anchors": changed}
        signature = self._sign(signed_text(checkpoint)).hex()
        try:
            self._log.append({**checkpoint, "signature": signature})
        except AuditWriteError as error:
            events.audit_write_failed(self._log.path, error)
            return
        self._known, self._previous, self._due = anchors, signature, now + AT_LEAST_EVERY
