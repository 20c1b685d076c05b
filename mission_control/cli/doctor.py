"""`mission-control doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import rich_click as click
from rich.text import Text

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import is_set_up
from mission_control.cli.terminal.output import echo, echo_json, printable, tell
from mission_control.cli.terminal.wording import in_own_time, own_zone
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.installation.installation import Installation
    from mission_control.operate.doctor.diagnosis import Diagnosis
    from mission_control.operate.doctor.evidence import Evidence, Service

_LONGEST: Final = 1_000
_STYLES: Final = {"error": "red", "warning": "yellow", "lint": "cyan"}
_NO_REDIS: Final = {"redis_unreachable", "no_installation"}


@click.command()
@click.option("--strict", is_flag=True, help="Warnings and lints end with exit code 1, too.")
@parameters.as_json
def doctor(strict: bool, as_json: bool) -> ExitCode:
    """Find what is wrong, or will be: Redis, processes, files, this machine, and what definitions overlook.

    Each finding has a code, what was found, and the remedy. Changes nothing. Exit code 1: there are errors;
    5: Redis cannot be asked, and the rest was checked.
    """
    from mission_control.installation.installation import current_installation
    from mission_control.operate.doctor.diagnosis import diagnose

    found = diagnose(_evidence(current_installation()))
    if as_json:
        echo_json(found.to_json())
    else:
        echo(*_lines(found, own_zone()))
        for one in found.unchecked:
            tell(f"not checked: {one}")
    return _exit_code(found, strict=strict)


def _evidence(installation: Installation) -> Evidence:
    from mission_control.errors import StoreUnavailableError, UnsafePathError
    from mission_control.operate.doctor.evidence import Evidence
    from mission_control.operate.doctor.gathering import look_around
    from mission_control.store.connection import store_errors

    settings = installation.settings
    is_founded = is_set_up(settings)
    place = look_around(settings, installation.clock(), is_founded=is_founded)
    if not is_founded:
        return Evidence(place)
    try:
        with store_errors(installation.redis_url):
            return Evidence(place, _service(installation))
    except StoreUnavailableError as error:
        return Evidence(place, unreachable=str(error))
    except UnsafePathError:  # one of the findings; its server is not joined
        return Evidence(place)


def _service(installation: Installation) -> Service:
    from mission_control.operate.doctor.gathering import Gathering
    from mission_control.sweep.late_records import LateRecords

    return Gathering(
        installation.client,
        installation.registry,
        installation.ledger,
        installation.celery,
        LateRecords.of(installation),
        installation.redbeat_keys,
        installation.settings,
        installation.redis_url,
        installation.clock,
    ).ask()


def _exit_code(found: Diagnosis, *, strict: bool) -> ExitCode:
    from mission_control.operate.doctor.diagnosis import Severity

    if any(one.kind in _NO_REDIS for one in found.findings):
        return ExitCode.UNREACHABLE
    is_wrong = found.findings if strict else found.count(Severity.ERROR)
    return ExitCode.FAILED if is_wrong else ExitCode.DONE


def _lines(found: Diagnosis, here: ZoneInfo) -> Iterator[Text]:
    from mission_control.operate.doctor.diagnosis import Severity, severity_of

    for one in found.findings:
        severity = str(severity_of(one))
        said = printable(in_own_time(one.problem, here), limit=_LONGEST)
        yield Text.assemble((f"{severity:8}", _STYLES[severity]), said, (f"  [{one.kind}]", "dim"))
        yield Text(f"{'':8}{printable(in_own_time(one.remedy, here), limit=_LONGEST)}", style="dim")
    counts = [counted(count, one) for one in Severity if (count := found.count(one))]
    yield Text(", ".join(counts), style="") if counts else Text("OK: nothing found", style="green")
