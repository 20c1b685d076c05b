"""The wheel holds every file of the packages: scripts, templates and type marker as well as modules."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.house.repository import PACKAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".py", ".lua", ".j2", ".txt", ".typed", ".html", ".css", ".js")


def test_wheel_holds_every_file_of_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # what is not fetched yet is not fetched now
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.partition("/")[0] in PACKAGES}
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    files = {path.relative_to(ROOT).as_posix() for path in found if path.is_file()}
    assert {name for name in files if name.endswith(SUFFIXES)} == packed
