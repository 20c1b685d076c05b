"""Creating and revoking grants, and finding the grant of a token."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.errors import GrantRefusedError, InvalidGrantError, Problem, ResourceInUseError
from mission_control.model.definitions.grant import Grant
from mission_control.model.definitions.named_resource import parse_resource
from mission_control.model.values.instants import format_instant
from mission_control.registry.budgets import Budgets
from mission_control.registry.grants import Approvals, Grants

PREFIX: Final = "mcg_"
_LONGEST: Final = 200


def create_grant(
    grants: Grants,
    budgets: Budgets,
    given: Mapping[str, Any],
    *,
    lasts: timedelta,
    now: datetime,
    dry_run: bool = False,
) -> tuple[Grant, str]:
    """Create a grant, and the budget of its tasks; return it with its token, which is not stored.

    Raises:
        InvalidGrantError: lists every problem; or the name is taken.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    created = now.replace(microsecond=0)
    whole = {**given, "created": created, "expires": created + lasts, "token_sha256": _digest(token)}
    grant = parse_resource(Grant, whole)
    if grant.name in grants.all():
        problem = Problem("name", f"a grant is named {grant.name}; revoke it first, or take another name")
        raise InvalidGrantError([problem], subject="grant")
    if grant.budget is not None:
        budgets.set_all([grant.budget], reason=f"grant {grant.name}", dry_run=dry_run)
    grants.set_all([grant], dry_run=dry_run)
    return grant, token


def holder_of(
    grants: Grants,
    token: str | None,
    now: datetime,
    *,
    refused: Callable[[Grant, str], object] = lambda *_: None,
) -> Grant:
    """Return the grant of a token; `refused` is called, with the reason, for one that has expired.

    Raises:
        GrantRefusedError: there is none, or no longer.
    """
    if not token or len(token) > _LONGEST or not token.startswith(PREFIX):
        raise GrantRefusedError("no valid token was given; `mission-control grant create` prints one")
    digest = _digest(token)
    found = [one for one in grants.all().values() if hmac.compare_digest(one.token_sha256, digest)]
    if not found:
        raise GrantRefusedError("no grant of this installation has this token; it may have been revoked")
    if now >= found[0].expires:
        why = f"the grant has expired at {format_instant(found[0].expires)}"
        refused(found[0], why)
        raise GrantRefusedError(why)
    return found[0]


def revoke_grant(
    grants: Grants, budgets: Budgets, approvals: Approvals, name: str, *, reason: str | None, dry_run: bool
) -> list[str]:
    """Revoke a grant at once; return the tasks of its holder, which stay until they expire, under its budget.

    Raises:
        UnknownGrantError: there is none of that name.
    """
    grant = grants.get(name)
    tasks = grants.remove(name, force=True, reason=reason, dry_run=dry_run)
    if not dry_run:
        approvals.forget(name)
    if not tasks and grant.owner in budgets.all():
        try:
            budgets.remove(grant.owner, reason=reason, dry_run=dry_run)
        except ResourceInUseError:  # a task of another owner refers to it
            return tasks
    return tasks


def _digest(token: str) -> str:
    # Of 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(token.encode()).hexdigest()
