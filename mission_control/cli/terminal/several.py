"""Doing the same for several tasks or runs: each is answered; the failure of one does not stop the others."""

from collections.abc import Callable, Iterable

import rich_click as click

from mission_control.cli.terminal.failures import ExitCode, exit_code_of, message_of
from mission_control.cli.terminal.output import tell_error
from mission_control.errors import MissionControlError, StoreUnavailableError


def each(names: Iterable[str], act: Callable[[str], int | None]) -> int:
    """Do something for each name, report what fails, and return the exit code.

    It is that of the first failure if all failed, `PARTLY_DONE` if some did. Without Redis it ends at once.
    """
    codes = [_code(name, act) for name in dict.fromkeys(names)]
    failures = [code for code in codes if code != ExitCode.DONE]
    if not failures:
        return ExitCode.DONE
    return failures[0] if len(failures) == len(codes) else ExitCode.PARTLY_DONE


def _code(name: str, act: Callable[[str], int | None]) -> int:
    try:
        code = act(name)
    except StoreUnavailableError:
        raise
    except (MissionControlError, click.ClickException) as error:
        tell_error(message_of(error))
        return exit_code_of(error)
    return ExitCode.DONE if code is None else code
