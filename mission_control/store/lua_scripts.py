"""Lua scripts. A package keeps its own in a folder `scripts/`; their heads say what they take and answer."""

import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from redis import Redis
from redis.commands.core import Script

_COMMAND: Final = re.compile(r"\('([A-Z]+)'")  # redis.call('HSET', …), or a function that does that later
_SENT_ALWAYS: Final = re.compile(r"^(?:local [\w, ]+ = )?(?:redis\.call|read)\('([A-Z]+)'", re.MULTILINE)
"""What a statement sends that stands in no block, and so is reached in any case."""

_OPTIONAL: Final = {"PUBLISH", "TYPE"}  # beat looks every second in any case; types come before any write
_ASKS: Final = "require_rights("
_REQUIRE_RIGHTS: Final = """\
local function require_rights(commands, key, other)
  local may = redis.acl_check_cmd
  commands[#commands + 1] = other
  for at = 1, may and #commands or 0 do
    if not may(commands[at], key) then
      error({err = "NOPERM this user has no permissions to run the '" .. commands[at] .. "' command"})
    end
  end
end
"""
"""A script that calls it before its first write writes all or nothing, whatever commands its user lacks; from
Redis 7.0 on. A call is given the commands that the script sends, but for those that it has sent by then, and
takes a third of a microsecond for each.
"""


def lua_source(package: str, name: str) -> str:
    """Return the text of a script of `package`, the caller's `__package__`."""
    (folder,) = sys.modules[package].__path__  # importlib.resources would take a third of a MiB
    return Path(folder, "scripts", f"{name}.lua").read_text("utf-8")


def lua_constants(values: Mapping[str, str | int], text: str) -> str:
    """Return those of the constants that a script's text names, as its first lines.

    >>> print(lua_constants({"RUNNING": "running", "MOST": 3}, "return RUNNING"), end="")
    local RUNNING = 'running'
    """
    named = {*re.findall(r"\b[A-Z_]+\b", text)}
    return "".join(f"local {name} = {_literal(one)}\n" for name, one in values.items() if name in named)


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


def lua_module(package: str, name: str) -> str:
    """Return a part as one function of that name, which returns the part's own functions.

    A script that does not call it does not make them, nor does it ask for the rights of their commands.
    """
    return _with_commands(f"local function {name}()\n{lua_source(package, name)}end\n")


def lua_script(client: Redis, package: str, name: str, *, needs: str = "", modules: str = "") -> Script:
    """Return a package's script, to be run on `client`, which may be a pipeline.

    `needs` is the text of functions that it calls, `modules` that of parts by `lua_module`.
    """
    return client.register_script(_whole(package, name, needs, modules))


@cache
def _whole(package: str, name: str, needs: str, modules: str) -> str:
    return with_rights(needs + lua_source(package, name), modules)


def with_rights(source: str, modules: str = "") -> str:
    """Return a script with the function `require_rights` in front, if it or a module calls that.

    >>> with_rights("require_rights(KEYS[1]) redis.call('DEL', KEYS[1])")[-59:]
    "require_rights({'del'}, KEYS[1]) redis.call('DEL', KEYS[1])"
    """
    asking = modules + _with_commands(source)
    return _REQUIRE_RIGHTS + asking if _ASKS in asking else asking


def _with_commands(source: str) -> str:
    allowed = _SENT_ALWAYS.findall(source.split(_ASKS, maxsplit=1)[0])
    sent = sorted({*_COMMAND.findall(source)} - _OPTIONAL - {*allowed})
    commands = ", ".join(f"'{command.lower()}'" for command in sent)
    return source.replace(_ASKS, f"{_ASKS}{{{commands}}}, ")
