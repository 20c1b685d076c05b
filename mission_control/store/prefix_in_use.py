"""One database, one prefix of RedBeat's: all else that is ours is under `mc:`, whatever the prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mission_control.errors import SettingsError
from mission_control.store.redis_keys import PREFIX_IN_USE

if TYPE_CHECKING:
    from redis import Redis

PREFIX_VARIABLE: Final = "MISSION_CONTROL_REDBEAT_KEY_PREFIX"


def check_prefix(client: Redis, prefix: str) -> None:
    """Check that nobody in this database uses another prefix.

    Raises:
        SettingsError: somebody does; tasks of the one would never be seen by the beat of the other.
        RedisError: Redis cannot be asked.
    """
    found = client.get(PREFIX_IN_USE)
    if found is not None and found != prefix:
        raise SettingsError(
            f"{PREFIX_VARIABLE} is {prefix!r}, and tasks in this Redis database are kept under {found!r}: "
            "set the same for all programs, or use another database. If nobody uses the other any more, "
            f"delete the key {PREFIX_IN_USE}"
        )


def claim_prefix(client: Redis, prefix: str) -> None:
    """Check the same, and from now on keep others from using another prefix; raises as `check_prefix`."""
    client.set(PREFIX_IN_USE, prefix, nx=True)
    check_prefix(client, prefix)
