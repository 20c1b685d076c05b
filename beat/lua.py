"""Beat's Lua scripts, read from `beat/scripts/`."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script


def script(client: Redis, name: str) -> Script:
    """Return the script `name`, to be run on `client`; its head says what it takes and answers."""
    source = resources.files(__package__).joinpath("scripts", f"{name}.lua").read_text("utf-8")
    return client.register_script(source)
