"""The common base of the ledger's parts: a client, and scripts that are loaded on first use."""

from redis import Redis
from redis.commands.core import Script

from mission_control.store.lua_scripts import lua_script


class Scripted:
    """A part of the ledger that runs the scripts in `scripts/`."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts: dict[str, Script] = {}

    def _script(self, name: str) -> Script:
        found = self._scripts.get(name)
        if found is None:
            found = self._scripts[name] = lua_script(self._client, __package__, name)
        return found
