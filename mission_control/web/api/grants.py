"""Grants, and the changes of their holders that wait for an approval."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from mission_control.audit.record.masking import masked_definition
from mission_control.operate.assembly import granted_changes
from mission_control.operate.grants.tokens import create_grant, revoke_grant
from mission_control.registry.grants import Approvals
from mission_control.web.access.needs import needs
from mission_control.web.api.bodies import DryRun, Reason, Why, Wish
from mission_control.web.parts import Whole
from mission_control.web.strict_bodies import StrictRoute

router = APIRouter(tags=["grants"], route_class=StrictRoute, dependencies=[needs("admin", of="all")])


_LONGEST = 10 * 365 * 86_400


class NewGrant(Wish):
    """What is granted, as `grant create` takes it, and for how long its token is valid, in seconds."""

    grant: dict[str, Any]
    lasts: float = Field(default=2_592_000, ge=1, le=_LONGEST, allow_inf_nan=False)


@router.get("/grants")
def list_grants(whole: Whole) -> dict[str, Any]:
    """List the grants, without their tokens."""
    return {"items": [one.to_json() for one in whole.grants.all().values()]}


@router.post("/grants", status_code=201)
def create(whole: Whole, wish: NewGrant, dry_run: DryRun = False) -> dict[str, Any]:
    """Create a grant; the answer has its token, which is not stored and not shown again."""
    parts = (whole.grants, whole.budgets, wish.grant)
    grant, token = create_grant(
        *parts, lasts=timedelta(seconds=wish.lasts), now=whole.clock(), dry_run=dry_run
    )
    return {"dry_run": dry_run, **grant.to_json(), **({} if dry_run else {"token": token})}


@router.delete("/grants/{name:id}")
def revoke(name: str, whole: Whole, dry_run: DryRun = False, reason: Reason = None) -> dict[str, Any]:
    """Revoke a grant at once; its tasks stay until they expire."""
    approvals = Approvals(whole.client, whole.grants)
    tasks = revoke_grant(whole.grants, whole.budgets, approvals, name, reason=reason, dry_run=dry_run)
    return {"dry_run": dry_run, "revoked": name, "tasks": tasks}


@router.get("/approvals")
def list_approvals(whole: Whole) -> dict[str, Any]:
    """List the changes that wait, with whole definitions."""
    waiting = granted_changes(whole).approvals.all()
    return {"items": [{**one.to_json(), "definition": masked_definition(one.definition)} for one in waiting]}


@router.post("/approvals/{approval_id:id}/allow")
def allow(approval_id: str, whole: Whole, dry_run: DryRun = False) -> dict[str, Any]:
    """Make a change that waits, as its holder."""
    changes = granted_changes(whole)
    found = changes.approvals.get(approval_id)
    changes.allow(found, who=whole.who, dry_run=dry_run)
    return {"dry_run": dry_run, "task_id": found.task_id}


@router.post("/approvals/{approval_id:id}/deny")
def deny(approval_id: str, whole: Whole, wish: Why) -> dict[str, Any]:
    """Drop a change that waits."""
    changes = granted_changes(whole)
    found = changes.approvals.get(approval_id)
    changes.deny(found, who=whole.who, reason=wish.reason)
    return {"task_id": found.task_id}
