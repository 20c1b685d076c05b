"""What the shell completes: ids of tasks and runs, paths of handlers.

An installation is looked at only while its Redis is up: completing starts no server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import rich_click as click

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def completed_by(names: Callable[[], Iterable[str]]) -> Complete:
    """Return the completion from what `names` returns; nothing if that is not to be had."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        with suppress(Exception):  # a shell that completes has no place for an error
            return [name for name in names() if name.startswith(incomplete)]
        return []

    return complete


def _of_installation(names: Callable[[Installation], Iterable[str]]) -> Callable[[], Iterable[str]]:
    def found() -> Iterable[str]:
        from mission_control.cli.terminal.installation_in_use import current, is_kept_up
        from mission_control.configuration.settings import read_settings

        if not is_kept_up(read_settings()):
            return []
        with current() as installation:
            return [*names(installation)]

    return found


def _run_ids(installation: Installation) -> list[str]:
    from mission_control.operate.filters import known_values as known

    return known(installation.registry, installation.ledger, "run")


def _handler_paths() -> list[str]:
    from mission_control.configuration.settings import read_settings
    from mission_control.handler_catalog.catalog import catalog_from

    return sorted(catalog_from(read_settings().handlers).handlers())


def known_values(field: str) -> list[str]:
    """Return the values there are of a field of filters, such as `queue`; nothing without Redis."""

    def values(installation: Installation) -> list[str]:
        from mission_control.operate.filters import known_values as known

        return known(installation.registry, installation.ledger, field)

    with suppress(Exception):
        return [*_of_installation(values)()]
    return []


_task_ids = _of_installation(lambda installation: installation.registry.ids())
TASK_IDS: Final = completed_by(_task_ids)
RUN_IDS: Final = completed_by(_of_installation(_run_ids))
TASK_AND_RUN_IDS: Final = completed_by(_of_installation(lambda ours: [*ours.registry.ids(), *_run_ids(ours)]))
HANDLER_PATHS: Final = completed_by(_handler_paths)
TASK_IDS_AND_HANDLERS: Final = completed_by(lambda: [*_task_ids(), *_handler_paths()])
LIMITS: Final = completed_by(_of_installation(lambda ours: ours.limits.all()))
BUDGETS: Final = completed_by(_of_installation(lambda ours: ours.budgets.all()))
GRANTS: Final = completed_by(_of_installation(lambda ours: ours.grants.all()))
BACKFILLS: Final = completed_by(
    _of_installation(lambda ours: [one.backfill_id for one in ours.backfills.all()])
)
