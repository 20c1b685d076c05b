"""Turning an error into a message and an exit code; scripts rely on the codes."""

from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum

import rich_click as click

from mission_control.errors import (
    AccountError,
    AuditWriteError,
    GrantRefusedError,
    HistoryError,
    InvalidFilterError,
    InvalidResourceError,
    InvalidTaskError,
    MissionControlError,
    PlanOvertakenError,
    PlanRefusedError,
    ResourceInUseError,
    RevisionDiffersError,
    RunTimeoutError,
    SettingsError,
    StoreUnavailableError,
    TaskFileError,
    UnknownApprovalError,
    UnknownBackfillError,
    UnknownChannelError,
    UnknownOccurrenceError,
    UnknownPauseError,
    UnknownResourceError,
    UnknownRunError,
    UnknownTaskError,
    UnsafePathError,
    WideSearchError,
)


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5
    TIMED_OUT = 6
    PARTLY_DONE = 7
    NOT_DUE = 10
    SKIPPED = 11
    LOST = 12


_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (UnknownTaskError, ExitCode.NOT_FOUND),
    (UnknownRunError, ExitCode.NOT_FOUND),
    (UnknownChannelError, ExitCode.NOT_FOUND),
    (UnknownPauseError, ExitCode.NOT_FOUND),
    (UnknownOccurrenceError, ExitCode.NOT_FOUND),
    (UnknownBackfillError, ExitCode.NOT_FOUND),
    (UnknownResourceError, ExitCode.NOT_FOUND),
    (UnknownApprovalError, ExitCode.NOT_FOUND),
    (GrantRefusedError, ExitCode.REFUSED),
    (ResourceInUseError, ExitCode.REFUSED),
    (InvalidResourceError, ExitCode.USAGE),
    (InvalidTaskError, ExitCode.USAGE),
    (InvalidFilterError, ExitCode.USAGE),
    (HistoryError, ExitCode.USAGE),
    (WideSearchError, ExitCode.REFUSED),
    (TaskFileError, ExitCode.USAGE),
    (PlanOvertakenError, ExitCode.PARTLY_DONE),
    (PlanRefusedError, ExitCode.REFUSED),
    (RevisionDiffersError, ExitCode.REFUSED),
    (AccountError, ExitCode.USAGE),
    (SettingsError, ExitCode.USAGE),
    (UnsafePathError, ExitCode.REFUSED),
    (RunTimeoutError, ExitCode.TIMED_OUT),
    (StoreUnavailableError, ExitCode.UNREACHABLE),
)


class CommandError(click.ClickException):
    """A command failed; `code` is its exit code."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.code = exit_code


def exit_code_of(error: BaseException) -> int:
    """Return the exit code for an error.

    >>> exit_code_of(UnknownTaskError("no task has the id 'x'"))
    <ExitCode.NOT_FOUND: 3>
    """
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, click.ClickException):
        return error.exit_code
    known = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    if known is not None:
        return known
    # A change was made, but its audit record could not be written.
    return ExitCode.PARTLY_DONE if isinstance(error, AuditWriteError) else ExitCode.FAILED


def message_of(error: BaseException) -> str:
    """Return the message for an error, with a remedy if there is one."""
    if isinstance(error, click.UsageError):
        hint = f"\nsee: {error.ctx.command_path} --help" if error.ctx is not None else ""
        return f"{error.format_message()}{hint}"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, MissionControlError | OSError):
        return str(error) if isinstance(error, SettingsError) else _in_own_time(str(error))
    return (
        f"unexpected {type(error).__name__}: {error}; `mission-control --debug …` shows where it comes from"
    )


def _in_own_time(text: str) -> str:
    """Return a text with its instants in the user's time zone, as far as the environment says which."""
    from mission_control.cli.terminal.wording import in_own_time, own_zone

    with suppress(SettingsError):
        return in_own_time(text, own_zone())
    return text


def report_failures(action: Callable[[], object]) -> int:
    """Run a command and return its exit code; report an error on stderr, never as a traceback.

    An int that the command returns is its exit code.
    """
    from mission_control.cli.terminal.output import tell_error

    try:
        code = action()
    except click.Abort:
        tell_error("interrupted")
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001  # nothing above handles it
        tell_error(message_of(error))
        return exit_code_of(error)
    return code if isinstance(code, int) else ExitCode.DONE
