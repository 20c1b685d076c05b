"""A handler that does nothing but note when it was started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.stamps import note_start

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(_context: Mapping[str, Any]) -> dict[str, Any]:
    """Note the moment."""
    note_start()
    return {"status": "success", "output": None, "error": None}
