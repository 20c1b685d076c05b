"""Modules are read by several threads of a process: producers have them, and so has the web server."""

from __future__ import annotations

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mission_control.handler_catalog.source import read_module

if TYPE_CHECKING:
    from pathlib import Path


def test_module_with_a_warning_is_read_by_threads_that_make_warnings_errors(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text(r'PATTERN = "\d"' + "\n" + "CONSTANT = [1, {2: 3}]\n" * 400 + "def run(context): ...\n")
    before, interval = warnings.filters[:], sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: read_module(file, "odd"), range(60)))
    finally:
        sys.setswitchinterval(interval)
    assert {next(one.problem for one in each) for each in found} == {None}
    assert warnings.filters == before
