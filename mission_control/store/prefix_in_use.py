"""One database has one RedBeat prefix: all our other keys are under `mc:`, whatever the prefix."""

from typing import Final

from redis import Redis

from mission_control.errors import SettingsError
from mission_control.store.redis_keys import PREFIX_IN_USE

PREFIX_VARIABLE: Final = "MISSION_CONTROL_REDBEAT_KEY_PREFIX"


def check_prefix(client: Redis, prefix: str) -> None:
    """Check that no program in this database uses another prefix.

    Raises:
        SettingsError: one does; the tasks of one would never be seen by the beat of the other.
        RedisError: Redis cannot be asked.
    """
    found = client.get(PREFIX_IN_USE)
    if found is not None and found != prefix:
        raise SettingsError(
            f"{PREFIX_VARIABLE} is {prefix!r}, and tasks in this Redis database are kept under {found!r}: "
            "set the same for all programs, or use another database. If no program uses the other, "
            f"delete the key {PREFIX_IN_USE}"
        )


def claim_prefix(client: Redis, prefix: str) -> None:
    """Check the same, and from now on keep others from using another prefix; raises as `check_prefix`."""
    client.set(PREFIX_IN_USE, prefix, nx=True)
    check_prefix(client, prefix)
