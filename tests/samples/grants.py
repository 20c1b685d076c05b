"""Grants for tests, and what their holders ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mission_control.model.definitions.grant import Grant
from mission_control.operate.grants.changes import GrantedChanges
from mission_control.operate.grants.tokens import create_grant
from tests.samples.ledger_runs import NOW

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"


def a_grant(**given: object) -> Grant:
    base = {"name": "agent", "handlers": [HELLO], "created": NOW, "expires": NOW + timedelta(days=30)}
    return Grant.model_validate({**base, "token_sha256": "0" * 64, **given})


def created(installation: Installation, **given: object) -> tuple[Grant, str]:
    """Create a grant in an installation, for a day; return it with its token."""
    whole = {"name": "agent", "handlers": [HELLO], "runs": "200/d", **given}
    parts = (installation.grants, installation.budgets, whole)
    return create_grant(*parts, lasts=timedelta(days=1), now=installation.clock())


def wanted(task_id: str, schedule: Any = "every 1h", **more: Any) -> dict[str, Any]:
    """Return a definition as an agent gives it."""
    return {"id": task_id, "schedule": schedule, "handler": HELLO, **more}


def apply(
    changes: GrantedChanges, grant: Grant, *definitions: object, remove: tuple[str, ...] = ()
) -> dict[str, str]:
    """Plan, and apply the plan."""
    digest = changes.plan(grant, definitions, remove).digest
    return {**changes.apply(grant, definitions, remove, digest)}
