"""Lua scripts. A package keeps its own in a folder `scripts/`; their heads say what they take and answer.

`send_script` runs one while the caller goes on.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError, ResponseError

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


@cache
def lua_source(package: str, name: str) -> str:
    """Return the text of a script of `package`, the caller's `__package__`; it is read once."""
    return resources.files(package).joinpath("scripts", f"{name}.lua").read_text("utf-8")


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
    return client.register_script(with_rights(needs + lua_source(package, name), modules))


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


def send_script(script: Script, keys: Sequence[str], args: Sequence[bytes | str]) -> Callable[[], Any]:
    """Send a script to Redis, and return what waits for its answer, which must be called once.

    It takes a connection of the pool meanwhile. As with every command, a refused connection is tried again,
    and nothing is sent twice.
    """
    pool = cast("Redis", script.registered_client).connection_pool
    connection: Any = pool.get_connection()
    command = "EVALSHA", script.sha, len(keys), *keys, *args
    try:
        connection.retry.call_with_retry(
            lambda: connection.send_command(*command), lambda _: connection.disconnect()
        )
    except BaseException:
        connection.disconnect()
        pool.release(connection)
        raise

    def answer() -> Any:  # noqa: ANN401  # the script's
        try:
            return connection.read_response()
        except NoScriptError:  # it was not run: the server does not know it yet
            return script(keys=keys, args=args)
        except BaseException as error:
            if not isinstance(error, ResponseError):
                connection.disconnect()  # the answer may come later
            raise
        finally:
            pool.release(connection)

    return answer
