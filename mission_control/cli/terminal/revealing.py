"""Definitions as commands show them: secrets masked, unless their owner asks for them."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mission_control.cli.terminal.failures import CommandError, ExitCode


def shown_definitions(
    definitions: Iterable[Mapping[str, Any]], data_dir: Path, *, reveal: bool
) -> list[dict[str, Any]]:
    """Return definitions to show, with the secrets in their params masked, or revealed to their owner.

    Raises:
        CommandError: another user asks to reveal them.
    """
    if reveal:
        require_owner(data_dir)
        return [dict(one) for one in definitions]
    from mission_control.audit.record.masking import masked_definition

    return [masked_definition(one) for one in definitions]


def require_owner(data_dir: Path) -> None:
    """Make sure that this process may see secrets: it runs as root, or as the owner of the data directory.

    Raises:
        CommandError: it does not, or there is no data directory here whose owner it could be.
    """
    try:
        owner: int | None = data_dir.stat().st_uid
    except OSError:  # there is none, or it is not for this user to see
        owner = None
    if not may_reveal(os.geteuid(), owner):
        raise CommandError(
            f"secrets are shown only to the owner of the data directory ({data_dir}); run this as that user",
            ExitCode.REFUSED,
        )


def may_reveal(user: int, owner: int | None) -> bool:
    """Return whether a user may see the secrets of an installation whose data directory has that owner.

    >>> may_reveal(0, None), may_reveal(1000, 1000), may_reveal(1000, 0), may_reveal(1000, None)
    (True, True, False, False)
    """
    return user in {0, owner}
