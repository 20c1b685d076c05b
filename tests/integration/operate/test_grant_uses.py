"""What holders of grants read and are refused is on record, however often they do it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.reader import tail
from mission_control.cli.mcp import granted_work
from mission_control.errors import GrantRefusedError, UnknownTaskError
from mission_control.operate.assembly import granted_changes
from mission_control.operate.grants.tokens import holder_of
from mission_control.registry.grant_uses import GrantUses
from mission_control.store import redis_keys
from tests.samples.grants import created, wanted
from tests.samples.ledger_runs import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from mission_control.installation.installation import Installation
    from mission_control.operate.grants.changes import GrantedChanges


def records(installation: Installation) -> list[tuple[str, str, str | None]]:
    found = tail(installation.settings.task_changes_log, 1_000)
    return [(one["task_id"], one["change"], one["reason"]) for one in found if one["actor"] == "grant:agent"]


def uses_at(installation: Installation, after: timedelta = timedelta(0)) -> GrantUses:
    return GrantUses(installation.client, installation.changes, lambda: NOW + after)


def changes_at(installation: Installation) -> GrantedChanges:
    return replace(granted_changes(installation), uses=uses_at(installation))


def refused(ask: Callable[[], object]) -> None:
    with pytest.raises((GrantRefusedError, UnknownTaskError)):
        ask()


def test_reads_are_recorded_once_an_hour_and_then_with_their_number(installation: Installation) -> None:
    grant, _ = created(installation)
    changes = changes_at(installation)
    work = replace(granted_work(installation), changes=changes)
    digest = changes.plan(grant, [wanted("tea")]).digest
    work.do(grant, "apply", {"tasks": [wanted("tea")], "digest": digest})
    for _ in range(5):
        work.do(grant, "list", {})
    work.do(grant, "why", {"name": "tea"})
    first = [("tea", "registered", None), ("*", "used", "list"), ("*", "used", "why")]
    assert records(installation) == first
    assert uses_at(installation, timedelta(minutes=59)).record_over() == 0
    assert uses_at(installation, timedelta(hours=1)).record_over() == 1
    count = "5 times from 2026-03-02T09:00:00Z to 2026-03-02T10:00:00Z: list"
    assert records(installation) == [*first, ("*", "used", count)]
    assert not installation.client.exists(redis_keys.GRANT_USES)


def test_refusals_in_a_loop_leave_one_record_a_minute_and_their_number(installation: Installation) -> None:
    grant, _ = created(installation, max_tasks=0)
    changes = changes_at(installation)
    for _ in range(50):
        refused(lambda: changes.apply(grant, [wanted("tea")], [], "0"))
        refused(lambda: changes.own_task(grant, "theirs"))
    assert [one[:2] for one in records(installation)] == [("tea", "refused"), ("theirs", "refused")]
    later = uses_at(installation, timedelta(minutes=1))
    assert (later.record_over(), later.record_over()) == (2, 0)
    counts = [why for _, _, why in records(installation)[2:] if why is not None]
    span = "50 times from 2026-03-02T09:00:00Z to 2026-03-02T09:01:00Z: "
    assert sorted(one.removeprefix(span)[:26] for one in counts) == [
        "no task of this grant has ",
        "tea: the quota of 0 tasks ",
    ]


def test_holder_that_varies_what_it_asks_for_leaves_a_bounded_number_of_records(
    installation: Installation,
) -> None:
    grant, _ = created(installation)
    changes = changes_at(installation)
    for number in range(100):
        refused(lambda number=number: changes.own_task(grant, f"t{number}"))  # type: ignore[misc]
    assert len(records(installation)) == 21
    assert uses_at(installation, timedelta(minutes=1)).record_over() == 1
    count = str(records(installation)[-1][2])
    assert (count[:8], count[-41:]) == ("80 times", "of more kinds than are recorded one by one"[-41:])


def test_expired_token_is_refused_on_record_and_damaged_counts_do_no_harm(installation: Installation) -> None:
    grant, token = created(installation)
    uses, late = uses_at(installation), grant.expires + timedelta(days=1)
    note = lambda grant, why: uses.note(grant.owner, "refused", "*", why)  # noqa: E731
    refused(lambda: holder_of(installation.grants, token, late, refused=note))
    ((_, change, reason),) = records(installation)
    assert (change, "the grant has expired at" in str(reason)) == ("refused", True)
    installation.client.hset(redis_keys.GRANT_USES, mapping={"{": 7, '["used"]': 2})
    assert uses_at(installation, timedelta(hours=1)).record_over() == 0
    assert not installation.client.exists(redis_keys.GRANT_USES)
