"""The demo's own data directory, and its settings."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mission_control.configuration.settings import PREFIX

if TYPE_CHECKING:
    from datetime import datetime

_KEPT = f"{PREFIX}TIMEZONE"


def make_place(data_dir: Path, now: datetime) -> Path:
    """Create a private directory, below the data directory if that is writable."""
    parent = data_dir / "demo"
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(prefix=now.strftime("%Y%m%d-%H%M%S-"), dir=parent))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="mission-control-demo-"))


def move_into(place: Path) -> None:
    """Make this process and its children use an installation in `place`, and ignore the user's settings.

    A demo never touches the user's handlers, task file or Redis.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX) and name != _KEPT]:
        del os.environ[name]
    os.environ[f"{PREFIX}DATA_DIR"] = str(place)
    os.environ[f"{PREFIX}HANDLERS"] = str(place / "handlers")
