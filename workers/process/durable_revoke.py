"""Celery's remote command `revoke`, made durable: it holds although the workers that heard it are gone.

So workers need not tell each other what was revoked, and what another node says of it counts for nothing.
"""

from typing import Any

from celery.utils.functional import maybe_list
from celery.worker import control
from celery.worker import state as worker_state
from celery.worker.control import Panel

from mission_control.dispatch.run_control import RunControl
from mission_control.model.values.identifiers import plain_execution_id


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
