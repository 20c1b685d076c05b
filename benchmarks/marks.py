"""How many runs were carried out: every no-op of every contender appends one byte to a file.

So all contenders are counted alike, at a microsecond a run, and without a question to the Redis server that
is measured. Nothing but the standard library is used: peers import this in an environment of their own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

MARKS_VARIABLE: Final = "BENCHMARK_MARKS"

_descriptors: Final[dict[int, int]] = {}


def mark() -> None:
    """Note that a run was carried out: all that a no-op does."""
    process = os.getpid()
    descriptor = _descriptors.get(process)
    if descriptor is None:
        path = os.environ[MARKS_VARIABLE]
        descriptor = _descriptors[process] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, b".")


def marks(path: Path) -> int:
    """Return how many runs were carried out so far."""
    return path.stat().st_size if path.exists() else 0
