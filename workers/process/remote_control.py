"""Celery's remote control: what a worker answers to every client of the broker, and what it refuses.

A client that reaches the broker can send any command. Commands that read are answered, with secrets masked.
Commands that would change the worker are refused, unless a setting allows them; then each leaves a record.

`revoke` is durable: it holds although the workers that heard it are gone. So workers need not tell each other
what was revoked, and what another node says of it counts for nothing.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from celery.utils.functional import maybe_list
from celery.worker import control
from celery.worker import state as worker_state
from celery.worker.control import Panel
from kombu.pidbox import Node

from mission_control.audit.pending.pending_records import write_or_pend
from mission_control.audit.record.masking import NAME_LIMIT, OUTPUT_LIMIT, clean_text, clean_value
from mission_control.audit.record.records import ChangeRecord
from mission_control.audit.record.secrets_mask import is_secret, mask_text
from mission_control.audit.stream.log import AuditLog
from mission_control.dispatch.run_control import RunControl
from mission_control.events import events
from mission_control.model.problems.secret_references import MASK
from mission_control.model.values.identifiers import plain_execution_id
from mission_control.model.values.instants import format_instant

ANSWERED: Final = frozenset((
    # What Flower reads, under Celery's older names as well.
    *("active", "active_queues", "conf", "registered", "reserved", "revoked", "scheduled", "stats"),
    *("dump_active", "dump_conf", "dump_reserved", "dump_revoked", "dump_schedule", "dump_tasks"),
    *("clock", "ping", "query_task", "report"),
    # What Flower and other workers send when they start.
    *("enable_events", "hello", "heartbeat"),
    "revoke",  # which the ledger notes
))  # fmt: skip
"""Commands that every client of the broker may send."""

CONTROLLED: Final = "controlled"
_MOST_CHANGES: Final = 20
_REMEDY: Final = "set MISSION_CONTROL_ALLOW_REMOTE_CONTROL=true for the workers to allow it"


class RemoteControl:
    """The commands of one worker; `changes` says which of them have changed it, the last ones."""

    def __init__(self, records: AuditLog, clock: Callable[[], datetime], *, allows_changes: bool) -> None:
        self.changes: deque[str] = deque(maxlen=_MOST_CHANGES)
        self._records = records
        self._clock = clock
        self._allows_changes = allows_changes

    def node(self, *args: Any, **kwargs: Any) -> Node:  # noqa: ANN401  # kombu's arguments
        """Return the node of a mailbox, which this remote control watches."""
        return _WatchedNode(self, *args, **kwargs)

    def handle(self, worker: str, command: str, arguments: Mapping[str, Any], do: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return the answer to a command; `do` carries it out."""
        if command in ANSWERED:
            return masked(do())
        if not self._allows_changes:
            shown = _one_line(command)
            events.control_command_refused(shown)
            return {"error": f"this worker refuses {shown}; {_REMEDY}"}
        try:
            reply = do()
        except SystemExit:  # `shutdown`
            self._note(worker, command, arguments)
            raise
        if not (isinstance(reply, dict) and "error" in reply):
            self._note(worker, command, arguments)
        return masked(reply)

    def _note(self, worker: str, command: str, arguments: Mapping[str, Any]) -> None:
        now, words = self._clock(), (f"{key}={value}" for key, value in arguments.items())
        shown = _one_line(" ".join((command, *words)))
        self.changes.append(f"{shown} at {format_instant(now)}")
        events.worker_changed(worker, shown)
        record = ChangeRecord(timestamp=now, task_id="", change=CONTROLLED, actor="a client of the broker")
        what = {
            "task_id": None,
            "worker": worker,
            "command": command,
            "arguments": clean_value(arguments, OUTPUT_LIMIT),
        }
        write_or_pend(self._records, {**record.to_dict(), **what})


class _WatchedNode(Node):
    """A worker's mailbox: every command comes through here, also one that a handler's module registered."""

    def __init__(self, control: RemoteControl, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._control = control

    def handle(self, method: Any, arguments: Any = None) -> Any:  # noqa: ANN401  # kombu's signature
        """Carry out a command, or refuse it."""
        given = arguments or {}
        return self._control.handle(
            self.hostname, str(method), given, lambda: self.handlers[method](self.state, **given)
        )


def _one_line(text: str) -> str:
    return clean_text(" ".join(text.split()), NAME_LIMIT)


def masked(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Return a reply with every secret in it masked: by the name it goes under, or as it looks.

    >>> masked({"broker": {"hostname": "redis+socket://:hunter2@/run/x.sock", "ssl_password": "hunter2"}})
    {'broker': {'hostname': 'redis+socket://:***@/run/x.sock', 'ssl_password': '***'}}
    """
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {key: MASK if is_secret(str(key), one) else masked(one) for key, one in value.items()}
    if callable(value):  # an option of the transport, which no answer can carry
        return type(value).__name__
    return [masked(one) for one in value] if isinstance(value, list | tuple) else value


def make_revoke_durable(runs: RunControl) -> None:
    """Have this process's `revoke` note the ids in Redis, in addition to its memory.

    An id may be a run's, or the Celery id of a plain client's message.
    """

    def revoke(state: Any, task_id: Any, terminate: bool = False, **how: Any) -> Any:  # noqa: ANN401  # Celery's
        celery_ids = [str(one) for one in maybe_list(task_id) or []]
        ids = [one for name in celery_ids for one in (name, plain_execution_id(name))]
        reply = control.revoke(state, ids, terminate, **how)
        runs.revoke(ids)
        return reply

    Panel.data["revoke"] = revoke
    worker_state.merge_revoked = _ignored


def _ignored(task_ids: object) -> None:
    """Take no ids from a greeting or its answer, which leave no record."""
