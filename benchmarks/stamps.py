"""When handlers were started: noted by the handler, in a file that the benchmark reads."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

STAMPS_VARIABLE: Final = "BENCHMARK_STAMPS"


def note_start() -> None:
    """Append this moment to the file; called first thing in a handler."""
    now = time.time()
    descriptor = os.open(os.environ[STAMPS_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{now!r}\n".encode())
    finally:
        os.close(descriptor)


def read_starts(path: Path) -> list[float]:
    """Return the moments, in Unix seconds, the earliest first."""
    return sorted(float(line) for line in path.read_text().split()) if path.exists() else []
