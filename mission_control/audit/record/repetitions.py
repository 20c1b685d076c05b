"""Which lines of a stream are the same record."""

from collections.abc import Mapping
from typing import Any

from mission_control.model.runs.record_identity import record_identity


def identity_of(record: Mapping[str, Any]) -> str | None:
    """Return the identity of the record of a change, or of an ending of a run; None if it is neither.

    >>> at = {"timestamp": "2026-03-02T09:00:00.000Z", "revision": 1}
    >>> identity_of({"task_id": "tea", "change": "registered", **at})
    'change:registered:1:2026-03-02T09:00:00.000Z:tea'
    """
    if "change" in record:
        parts = (record.get(name) for name in ("change", "revision", "timestamp", "task_id"))
        return ":".join(["change", *map(str, parts)])
    execution_id = record.get("execution_id")
    if not isinstance(execution_id, str) or "final" not in record or record.get("status") == "rejected":
        return None
    known, delivery = (_number(record.get(name)) for name in ("attempt", "delivery"))
    return record_identity(execution_id, known, is_final=bool(record["final"]), delivery=delivery)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


class Unrepeated:
    """Skips the second line of a record that was written late although it had been written before.

    Such a line says `repaired`. Of each record a number is remembered, some 100 bytes.
    """

    def __init__(self) -> None:
        self._seen: dict[int, bool] = {}

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record counts, because it repeats none that was accepted."""
        identity = identity_of(record)
        if identity is None:
            return True
        key, is_repaired = hash(identity), bool(record.get("repaired"))
        if key in self._seen and (is_repaired or self._seen[key]):
            return False
        self._seen[key] = is_repaired
        return True
