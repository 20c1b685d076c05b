"""Lua scripts. A package keeps its own in a folder `scripts/`; their heads say what they take and answer."""

from functools import cache
from importlib import resources

from redis import Redis
from redis.commands.core import Script


@cache
def lua_source(package: str, name: str) -> str:
    """Return the text of a script of `package`, the caller's `__package__`; it is read once."""
    return resources.files(package).joinpath("scripts", f"{name}.lua").read_text("utf-8")


def lua_script(client: Redis, package: str, name: str, *, needs: str = "") -> Script:
    """Return a package's script, to be run on `client`, which may be a pipeline.

    `needs` is the text of functions that it calls.
    """
    return client.register_script(needs + lua_source(package, name))
