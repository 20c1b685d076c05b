"""What all runs that ever ended have in common, in counters that only rise: for metrics."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, get_args

from mission_control.model.runs.cause import CauseClass
from mission_control.model.runs.lags import STAGES

SECONDS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 21_600)
"""The upper bounds of histograms; all else lies beyond."""

_CAUSES: Final = frozenset(get_args(CauseClass))


def counted(record: Mapping[str, Any]) -> Counter[str]:
    """Return by how much an audit record raises the counters, by name.

    `ended:<status>:<class of the cause>`, `retries`, and of each histogram (`duration`, `lag_<stage>`)
    `<name>:<bound>` for the bucket it falls into, and `<name>:sum` in ms.

    >>> dict(counted({"final": True, "status": "success", "duration_ms": 700}))
    {'ended:success:': 1, 'duration:1': 1, 'duration:sum': 700}
    """
    found, lags = Counter[str](), record.get("lags_ms")
    values = {f"lag_{stage}": lags.get(stage) for stage in STAGES} if isinstance(lags, Mapping) else {}
    if record.get("final"):
        cause = record.get("cause")
        kind = cause.get("class") if isinstance(cause, Mapping) else ""
        found[f"ended:{record.get('status')}:{kind if kind in _CAUSES else ''}"] += 1
        values["duration"] = record.get("duration_ms")
    elif record.get("status") == "retry":
        found["retries"] += 1
    for name, value in values.items():
        if isinstance(value, int | float):
            bound = next((one for one in SECONDS if value / 1_000 <= one), "+Inf")
            found[f"{name}:{bound}"] += 1
            found[f"{name}:sum"] += max(0, round(value))
    return found
