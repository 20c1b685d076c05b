"""The top of the repository holds what a newcomer expects there, and nothing else."""

from __future__ import annotations

from tests.house.repository import ROOT, top_level

ROOMS = {"mission_control", "workers", "beat", "tests", "deploy", "docs", "benchmarks", "examples", ".ci"}
FILES = {
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "docker-compose.yml",
    "mc",
    "pyproject.toml",
    "requirements.lock",
}


def test_top_of_the_repository_holds_the_agreed_names_and_no_others() -> None:
    assert top_level() == ROOMS | FILES


def test_program_is_executable() -> None:
    assert [name for name in ("mc", ".ci/run") if not (ROOT / name).stat().st_mode & 0o111] == []
