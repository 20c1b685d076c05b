"""What starting up has left over is given back to the system: a beat lives for months, and mostly waits."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back_memory() -> None:
    """Collect garbage and have the C library return free pages, where it is one that can (glibc)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
