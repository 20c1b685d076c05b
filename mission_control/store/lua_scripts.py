"""Lua scripts. A package keeps its own in a folder `scripts/`; their heads say what they take and answer."""

import re
from functools import cache
from importlib import resources

from redis import Redis
from redis.commands.core import Script

_COMMAND = re.compile(r"\('([A-Z]+)'")  # redis.call('HSET', …), or a function that does that later
_OPTIONAL = {"PUBLISH"}  # beat looks every second in any case
_REQUIRE_RIGHTS = """\
local function require_rights(key, ...)
  if redis.acl_check_cmd then
    for _, command in ipairs({%s, ...}) do
      if not redis.acl_check_cmd(command, key) then
        error({err = "NOPERM this user has no permissions to run the '" .. command .. "' command"})
      end
    end
  end
end
"""
"""A script that calls it before its first write writes all or nothing, whatever commands its user lacks; from
Redis 7.0 on. The commands are those that the script sends. A call takes a third of a microsecond for each.
"""


@cache
def lua_source(package: str, name: str) -> str:
    """Return the text of a script of `package`, the caller's `__package__`; it is read once."""
    return resources.files(package).joinpath("scripts", f"{name}.lua").read_text("utf-8")


def lua_script(client: Redis, package: str, name: str, *, needs: str = "") -> Script:
    """Return a package's script, to be run on `client`, which may be a pipeline.

    `needs` is the text of functions that it calls.
    """
    return client.register_script(with_rights(needs + lua_source(package, name)))


def with_rights(source: str) -> str:
    """Return a script with the function `require_rights` in front, if it calls that.

    >>> "{'hset', ...}" in with_rights("require_rights(KEYS[1]) redis.call('HSET', KEYS[1], 'state', 'over')")
    True
    """
    if "require_rights(" not in source:
        return source
    sent = sorted(set(_COMMAND.findall(source)) - _OPTIONAL)
    return _REQUIRE_RIGHTS % ", ".join(f"'{command.lower()}'" for command in sent) + source
