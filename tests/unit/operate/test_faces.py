from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mission_control.operate

MODULES = sorted(Path(str(mission_control.operate.__file__)).parent.rglob("*.py"))
PROBE = "import sys, {module}; print([one for one in ('click', 'rich', 'rich_click') if one in sys.modules])"


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_operate_module_names_its_parts_and_only_their_assembly_an_installation(file: Path) -> None:
    assert ("Installation" in file.read_text("utf-8")) == (file.name == "assembly.py")


def test_operate_modules_load_no_terminal_library() -> None:
    root = Path(str(mission_control.__file__)).parents[1]
    places = [file.relative_to(root).with_suffix("") for file in MODULES if file.stem != "__init__"]
    names = ", ".join(".".join(place.parts) for place in places)
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=names)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
