"""Limits that every run has, whatever its task says."""

from datetime import timedelta
from typing import Final

HARD_LIMIT_GRACE: Final = timedelta(seconds=10)
"""The time that a handler has to clean up after its time limit, before it is killed."""

MOST_DELIVERIES: Final = 5
"""How often one attempt is begun before it counts as poison: its worker died each time."""
