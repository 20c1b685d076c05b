"""The work that follows a commit: missed records, parked messages, the outbox, the sweep."""

from collections.abc import Callable
from datetime import datetime

from celery import Celery
from redis import Redis

from beat.follow_up.missed_records import MissedRecords
from beat.follow_up.parking import release_parked
from beat.messages.entry_sender import EntrySender
from beat.messages.outbox import send_outbox
from beat.turn.lead import Turn
from beat.turn.side_work import SideWork
from mission_control.ledger.ledger import Ledger
from mission_control.sweep.sweep import Sweep


class FollowUp:
    """Does a part of this work at each call; raises `RedisError` if Redis cannot be reached."""

    def __init__(  # noqa: PLR0913  # the parts of four kinds of work
        self,
        app: Celery,
        client: Redis,
        ledger: Ledger,
        missed_records: MissedRecords,
        sweep: Sweep,
        sender: EntrySender,
        clock: Callable[[], datetime],
        *,
        uses_outbox: bool,
        on_wrong_type: Callable[[], object],
    ) -> None:
        self._app = app
        self._client = client
        self._ledger = ledger
        self._missed_records = missed_records
        self._sweep = sweep
        self._sender = sender
        self._clock = clock
        self._uses_outbox = uses_outbox
        self._do = SideWork(on_wrong_type)

    def __call__(self, turn: Turn) -> bool:
        """Do the work that the turn has found; return whether there was any."""
        done = self._do("write missed records", self._missed_records.write)
        if turn.next_release is not None and turn.next_release <= self._clock().timestamp():
            done += self._do("release parked messages", self._release)
        if self._uses_outbox or turn.has_outgoing:
            done += self._do("send the outbox", self._send)
        done += self._do("sweep", self._sweep.turn)
        return done > 0

    def _release(self) -> int:
        return release_parked(self._client, self._clock(), uses_outbox=self._uses_outbox)

    def _send(self) -> int:
        return send_outbox(self._app, self._client, self._ledger, self._sender)
