"""The virtual environment of the peers, `.venv-peers`, made from `peers.lock` when first needed."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.place import CHECKOUT, MeasurementError

ASKED_FOR: Final = CHECKOUT / "benchmarks" / "peers.in"
LOCK: Final = ASKED_FOR.with_suffix(".lock")
ENVIRONMENT: Final = CHECKOUT / ".venv-peers"
_STAMP: Final = ".made-from"


class PeersMissingError(MeasurementError):
    """The peers cannot be installed here; the message says why."""


def peers_environment(lock: Path = LOCK, environment: Path = ENVIRONMENT) -> Path:
    """Return the virtual environment with all that is locked, after making it if need be.

    Installs with pip, as `./mc` does; every file is checked by its hash.

    Raises:
        PeersMissingError: it cannot be made.
    """
    made_from = hashlib.sha256(lock.read_bytes()).hexdigest() + sys.version
    stamp = environment / _STAMP
    if stamp.exists() and stamp.read_text() == made_from:
        return environment
    try:
        _make(lock, environment)
        stamp.write_text(made_from)
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        raise PeersMissingError(f"they cannot be installed from {lock.name}: {said}") from error
    return environment


def peers_versions() -> dict[str, str]:
    """Return the locked versions of what `peers.in` asks for."""
    wanted = re.findall(r"^([\w-]+)", ASKED_FOR.read_text(), re.MULTILINE)
    locked = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==([^ ;\\\n]+)", LOCK.read_text(), re.MULTILINE))
    return {name: locked[name] for name in wanted}


def _make(lock: Path, environment: Path) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(environment)],
        [*pip, "--no-deps", "--require-hashes", "-r", str(lock)],
    ):
        subprocess.run(command, check=True, capture_output=True, text=True)
