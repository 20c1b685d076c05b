"""Which lines of a stream are the same record."""

from collections.abc import Mapping
from typing import Any, Final

from mission_control.model.runs.record_identity import record_identity

REPAIRED: Final = b'"repaired":true'
"""This is in the line of a record that was written late."""


def identity_of(record: Mapping[str, Any]) -> str | None:
    """Return the identity of a record of the stream of runs; None if it is no ending of a run."""
    execution_id = record.get("execution_id")
    if not isinstance(execution_id, str) or "final" not in record or record.get("status") == "rejected":
        return None
    known, delivery = (_number(record.get(name)) for name in ("attempt", "delivery"))
    return record_identity(execution_id, known, is_final=bool(record["final"]), delivery=delivery)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


class Unrepeated:
    """Skips the second line of a record that was written late although it had been written before.

    Such a line says `repaired`. Only identities in `watched` are remembered; if that is None, all.
    """

    def __init__(self, watched: set[str] | None = None) -> None:
        self._watched = watched
        self._seen: dict[str, bool] = {}

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record counts, because it repeats none that was accepted."""
        identity = identity_of(record)
        if identity is None or (self._watched is not None and identity not in self._watched):
            return True
        is_repaired = bool(record.get("repaired"))
        if identity in self._seen and (is_repaired or self._seen[identity]):
            return False
        self._seen[identity] = is_repaired
        return True
