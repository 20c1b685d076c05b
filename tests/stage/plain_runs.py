"""What became of the messages of plain Celery clients, by the ids that Celery gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.model.values.identifiers import plain_execution_id
from tests.stage.audit_stream import records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord
    from tests.stage.live_installation import LiveInstallation


def rejections(live: LiveInstallation, handler: str, celery_id: str) -> list[dict[str, Any]]:
    found, own_id = records_of(live.installation, handler), plain_execution_id(celery_id)
    return [one for one in found if (one["execution_id"], one["status"]) == (own_id, "rejected")]


def over(live: LiveInstallation, celery_id: str) -> RunRecord:
    own_id = plain_execution_id(celery_id)
    run = wait_until(
        lambda: (one := live.installation.ledger.get(own_id)) is not None and one.state.is_final and one,
        "the run is over",
    )
    assert run
    return run
