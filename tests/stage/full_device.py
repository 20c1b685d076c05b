"""A device without space for one file, while the rest of the machine goes on."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def no_space_for(path: Path) -> Iterator[None]:
    """Refuse what this process writes to an existing file, as a full device does."""
    write, full = os.write, path.stat()

    def write_elsewhere(descriptor: int, content: bytes) -> int:
        if os.path.samestat(os.fstat(descriptor), full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write_elsewhere)
        yield
