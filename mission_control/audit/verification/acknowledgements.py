"""Acknowledgements: a person has looked into a fault of a stream, and says so in the stream of changes.

The fault stays visible, and no longer makes the stream unsound. An acknowledgement is a line like any other:
it counts only once it is anchored.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mission_control.audit.record.records import ChangeRecord
from mission_control.audit.stream.anchors import Anchor
from mission_control.audit.stream.reader import read_all

ACKNOWLEDGED: Final = "acknowledged"


def acknowledgement(faults: Collection[str], *, actor: str, reason: str, at: datetime) -> dict[str, Any]:
    """Return the record that acknowledges the faults with these fingerprints."""
    record = ChangeRecord(timestamp=at, task_id="", change=ACKNOWLEDGED, actor=actor, reason=reason)
    return {**record.to_dict(), "task_id": None, "faults": sorted(faults)}


def read_acknowledgements(path: Path, anchors: Mapping[str, Anchor] | None) -> dict[str, str]:
    """Return who acknowledged which faults, and why, by fingerprint; without `anchors` all count."""
    return {
        str(fault): f"{record.get('actor')}: {record.get('reason')}"
        for record in read_all(path)
        if record.get("change") == ACKNOWLEDGED and (anchors is None or _is_anchored(record, anchors))
        for fault in record.get("faults", ())
    }


def _is_anchored(record: Mapping[str, Any], anchors: Mapping[str, Anchor]) -> bool:
    anchor = anchors.get(str(record.get("writer")))
    return anchor is not None and isinstance(record.get("seq"), int) and record["seq"] <= anchor.seq
