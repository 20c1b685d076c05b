"""The repository as the house tests look at it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN_FOLDERS = ("mission_control", "beat", "workers", "deploy", "tests", "benchmarks", "examples")
PACKAGES = ("mission_control", "beat", "workers")


def python_files(*folders: str) -> list[Path]:
    """Return the Python files under these folders of the repository, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def top_level() -> set[str]:
    """Return the names at the top of the repository: what git tracks, or, outside git, what lies there."""
    git = shutil.which("git")
    listing = None if git is None else _tracked_files(git)
    if listing is not None:
        return {name.split("/", 1)[0] for name in listing}
    return {path.name for path in ROOT.iterdir()} - _ignored()


def _tracked_files(git: str) -> list[str] | None:
    # Trusting this one folder matters where it belongs to another user than the one who tests.
    command = [git, "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0 or not (ROOT / ".git").exists():
        return None
    return [name for name in answer.stdout.split("\0") if name]


def _ignored() -> set[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return {line.strip("/") for line in lines} | {".git"}
