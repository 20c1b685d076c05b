"""The settings that all processes of an installation must agree on, as each announces its own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mission_control.configuration.settings import Settings
from mission_control.model.values.zones import zone_data
from mission_control.signing.keyring import key_id

_COMMON: Final = (
    "visibility_seconds",
    "leader_seconds",
    "retention_days",
    "retention_runs",
    "allow_plain_producers",
)

Common = Mapping[str, Any]
"""By the names of settings; the keys by their ids, and the release of the time zone data."""


def common_settings(settings: Settings) -> Common:
    """Return what a process announces; nothing of it is secret."""
    keys = ",".join(sorted(map(key_id, settings.signing_key.keys)))
    own = {name: getattr(settings, name) for name in _COMMON}
    return {**own, "signing_key": keys, "zone_data": zone_data().release}


def disagreements(announced: Mapping[str, Common]) -> Iterator[tuple[str, Mapping[str, Sequence[str]]]]:
    """Yield each setting of which processes have several values, with the names of those that have each.

    >>> list(disagreements({"a": {"retention_days": 30}, "b": {"retention_days": 7}, "c": {}}))
    [('retention_days', {'30': ['a'], '7': ['b']})]
    """
    for name in dict.fromkeys(name for one in announced.values() for name in one):
        values: dict[str, list[str]] = {}
        for process, one in announced.items():
            if one.get(name) is not None:  # an older process does not say
                values.setdefault(str(one[name]), []).append(process)
        if len(values) > 1:
            yield name, values
