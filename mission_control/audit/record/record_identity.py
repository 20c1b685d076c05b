"""What makes two lines the same record: the run, the attempt, whether it ended the run, and the delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


REPAIRED: Final = b'"repaired":true'
"""What stands in the line of a record that was written late."""


def record_identity(
    execution_id: str, attempt: int | None, *, is_final: bool, delivery: int | None = None
) -> str:
    """Return the identity of an ending; a record that was written twice has it twice, and counts once.

    `delivery` tells apart the workers that an attempt has lost. The id of the run stands last, because it
    may hold anything.

    >>> record_identity("tea@20260301T090000Z", 2, is_final=True)
    '2:1:tea@20260301T090000Z'
    >>> record_identity("tea@20260301T090000Z", 2, is_final=False, delivery=1)
    '2:0.1:tea@20260301T090000Z'
    """
    kind = str(int(is_final)) if delivery is None else f"{int(is_final)}.{delivery}"
    return f"{0 if attempt is None else attempt}:{kind}:{execution_id}"


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
    """Passes over the second line of a record that was written late and, as it turned out, had been written.

    Such a line says `repaired`. Only identities in `watched` are remembered; if that is None, all.
    """

    def __init__(self, watched: set[str] | None = None) -> None:
        self._watched = watched
        self._seen: dict[str, bool] = {}

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record counts: it is no repetition of one that was accepted."""
        identity = identity_of(record)
        if identity is None or (self._watched is not None and identity not in self._watched):
            return True
        is_repaired = bool(record.get("repaired"))
        if identity in self._seen and (is_repaired or self._seen[identity]):
            return False
        self._seen[identity] = is_repaired
        return True
