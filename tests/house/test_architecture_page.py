"""The page that follows one task through the files names files that are there."""

from __future__ import annotations

import re

from tests.house.repository import PACKAGES, ROOT

MOST_FILES = 2
QUESTIONS = 10
PATH = re.compile(rf"\b(?:{'|'.join(PACKAGES)}|tests|deploy|docs)/[\w./-]*\w(?:\.\w+)?/?")


def test_file_named_on_the_architecture_page_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = sorted(set(PATH.findall(page)))
    assert named, "the page names no files"
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_newcomers_question_is_answered_by_at_most_two_files() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## Where to look")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    files = {question.strip(): re.findall(r"`([^`]*/[^`]+)`", answer) for question, answer in rows}
    assert len(files) >= QUESTIONS
    assert {question: named for question, named in files.items() if not 0 < len(named) <= MOST_FILES} == {}
    assert [name for named in files.values() for name in named if not (ROOT / name).is_file()] == []
