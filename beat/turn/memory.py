"""What starting up has left over is given back to the system, and what it has made is left alone by then.

A beat lives for months, and mostly waits.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def settle_memory() -> None:
    """Collect garbage, take what is left for permanent, and have the C library return free pages.

    What is permanent, modules mostly, is not looked at by the collector any more, which would take ten
    milliseconds and more now and then, at any instant. Only glibc returns pages on request.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
