"""A second user, for tests of what other users of the machine may do."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECOND_USER: Final = 65_534


@contextmanager
def as_second_user() -> Iterator[None]:
    """Act as a user without rights; only root can."""
    group = os.getegid()
    os.setegid(_SECOND_USER)
    os.seteuid(_SECOND_USER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
