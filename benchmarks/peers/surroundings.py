"""Where a peer finds the server that it is measured on."""

from __future__ import annotations

import os
from typing import Final

URL_VARIABLE: Final = "BENCHMARK_URL"


def redis_url() -> str:
    """Return the server's URL."""
    return os.environ[URL_VARIABLE]
