"""A handler that does nothing but note when it was started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.stamps import note_start


def run(_context: Mapping[str, Any]) -> dict[str, Any]:
    """Note the moment."""
    note_start()
    return {"status": "success", "output": None, "error": None}
