"""Importing handlers leaves nothing that another user could change."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from mission_control.handler_catalog.catalog import HandlerCatalog
from workers.tasks.handler_loader import PACKAGE, load_handler, open_handler_package

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_compiled_modules_are_not_writable_by_others_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    catalog = HandlerCatalog([tmp_path])
    known = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE}
    before = os.umask(0)
    try:
        for name in ("greet.py", "_team.py"):
            (tmp_path / name).write_text("def run(context): ...\n")
            (tmp_path / name).chmod(0o644)
        open_handler_package([tmp_path])
        load_handler(catalog.handlers()["handlers.greet.run"])
        assert os.umask(0) == 0
    finally:
        os.umask(before)
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        sys.modules.update(known)
    made = [tmp_path / "__pycache__", *(tmp_path / "__pycache__").iterdir()]
    assert len(made) > 1
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o022] == []
    assert catalog.problem("handlers.greet.run") is None
