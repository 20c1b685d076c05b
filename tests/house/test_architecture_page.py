"""The page that follows one task through the files names files that are there."""

from __future__ import annotations

import re

from tests.house.repository import PACKAGES, ROOT

PATH = re.compile(rf"\b(?:{'|'.join(PACKAGES)}|tests|deploy|docs)/[\w./-]*\w(?:\.\w+)?/?")


def test_every_file_that_the_architecture_page_names_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = sorted(set(PATH.findall(page)))
    assert named, "the page names no files"
    assert [name for name in named if not (ROOT / name).exists()] == []
