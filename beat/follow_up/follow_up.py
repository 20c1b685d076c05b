"""What commits have left to be done: records, parked messages, the outbox, the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beat.follow_up.owed_audit import pay_owed_audit
from beat.follow_up.parking import release_parked
from beat.messages.outbox import send_outbox
from beat.turn.side_work import SideWork
from mission_control.sweep.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery
    from kombu import Producer

    from beat.turn.lead import Turn
    from mission_control.installation.installation import Installation


class FollowUp:
    """Does some of it at each call; raises `RedisError` if Redis cannot be asked.

    `producer` and `apply_async` send what is in the outbox.
    """

    def __init__(
        self,
        app: Celery,
        installation: Installation,
        producer: Callable[[], Producer],
        apply_async: Callable[..., Any],
        *,
        uses_outbox: bool,
    ) -> None:
        self._app = app
        self._installation = installation
        self._producer = producer
        self._apply_async = apply_async
        self._uses_outbox = uses_outbox
        self._sweep = Sweep.of(app, installation)
        self._do = SideWork()

    def __call__(self, turn: Turn, *, has_decided: bool) -> bool:
        """Do what there is to do, as the beginning of the turn told; say whether there was any of it.

        Where beat `has_decided` about occurrences since then, records may be owed that were not yet.
        """
        installation = self._installation
        done = 0
        if turn.has_owed or has_decided:
            done += self._do("pay owed records", lambda: pay_owed_audit(installation))
        if turn.next_release is not None and turn.next_release <= installation.clock().timestamp():
            done += self._do("release parked messages", self._release)
        if self._uses_outbox or turn.has_outgoing:
            done += self._do("send the outbox", self._send)
        done += self._do("sweep", self._sweep.turn)
        return done > 0

    def _release(self) -> int:
        return release_parked(self._installation, uses_outbox=self._uses_outbox)

    def _send(self) -> int:
        return send_outbox(self._app, self._installation, self._producer, self._apply_async)
