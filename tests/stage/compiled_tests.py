"""Test modules as pytest compiles them: rewritten, so that a failed `assert` shows its values."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from _pytest.assertion import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest


def compile_tests(files: Iterable[Path], config: pytest.Config) -> None:
    """Store what pytest imports in place of these files, unless it is there or their folder is read-only.

    Otherwise every process that collects the tests compiles all of them, which takes longer than to run most.
    """
    for file in files:
        folder = rewrite.get_cache_dir(file)
        compiled = folder / f"{file.stem}{rewrite.PYC_TAIL}"
        if rewrite._read_pyc(file, compiled) is None and rewrite.try_makedirs(folder):
            with suppress(SyntaxError):  # which the import reports
                source_hash, code = rewrite._rewrite_test(file, config)
                rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source_hash, compiled)
