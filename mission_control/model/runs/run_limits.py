"""Limits that every run has, whatever its task says."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

HARD_LIMIT_GRACE: Final = timedelta(seconds=10)
"""What a handler has, after its time limit was raised in it, to clean up before it is killed."""

MOST_DELIVERIES: Final = 5
"""How often one attempt is begun before it counts as poison: whoever began it died of it each time."""
