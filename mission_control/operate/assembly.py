"""Puts together what asks and acts, for every face: the one place here that knows an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.operate.grants.changes import GrantedChanges
    from mission_control.operate.occurrences import Occurrences
    from mission_control.operate.pausing import Pausing
    from mission_control.operate.resuming import Resuming
    from mission_control.operate.simulation.eta import Eta
    from mission_control.operate.why.asking import Asking


def asking(installation: Installation) -> Asking:
    """Return what answers why."""
    from mission_control.dispatch.run_logs import RunLogs
    from mission_control.operate.why.asking import Asking
    from mission_control.operate.why.gathering import Gathering

    settings = installation.settings
    gathering = Gathering(
        installation.client,
        installation.registry,
        installation.ledger,
        installation.redbeat_keys,
        settings.task_changes_log,
        RunLogs(installation.client, installation.run_logs),
        installation.clock,
    )
    return Asking(gathering, installation.ledger, installation.occurrences, settings.task_execution_log)


def eta_of(installation: Installation) -> Eta:
    """Return what estimates starts."""
    from mission_control.operate.simulation.eta import Eta
    from mission_control.operate.simulation.present import Present

    present = Present(installation.client, installation.ledger, installation.redbeat_keys)
    return Eta(present, installation.registry)


def granted_changes(installation: Installation) -> GrantedChanges:
    """Return what changes tasks for the holders of grants."""
    from mission_control.operate.grants.changes import GrantedChanges
    from mission_control.registry.grant_uses import GrantUses
    from mission_control.registry.grants import Approvals

    client, clock = installation.client, installation.clock
    approvals, uses = Approvals(client, installation.grants), GrantUses(client, installation.changes, clock)
    parts = (client, installation.registry, installation.grants, approvals, uses)
    return GrantedChanges(*parts, installation.granted_registry, clock)


def occurrences_of(installation: Installation) -> Occurrences:
    """Return what skips and moves single occurrences."""
    from mission_control.operate.occurrences import Occurrences

    parts = (installation.registry, installation.occurrences, installation.ledger)
    return Occurrences(*parts, installation.clock)


def pausing(installation: Installation) -> Pausing:
    """Return what pauses tasks."""
    from mission_control.dispatch.run_control import RunControl
    from mission_control.operate.pausing import Pausing

    parts = (installation.registry, installation.pauses, RunControl.of(installation), installation.backfills)
    return Pausing(*parts, installation.clock)


def resuming(installation: Installation) -> Resuming:
    """Return what resumes tasks."""
    from mission_control.dispatch.enqueue import Dispatch
    from mission_control.operate.resuming import Resuming

    parts = (installation.registry, installation.pauses, installation.ledger)
    return Resuming(*parts, lambda: Dispatch.of(installation), installation.clock)
