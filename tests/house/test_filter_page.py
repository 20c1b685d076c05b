"""The page about filters has every field, its operators and its values."""

from __future__ import annotations

import re

from mission_control.model.filters.filter_fields import FIELDS, OPERATORS, FilterField
from mission_control.model.filters.grammar import MOST_CHARACTERS
from mission_control.operate.search_plan import MOST_SCANNED
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "filter.md"


def values(field: FilterField) -> str:
    if field.choices is None:
        return field.expected(field.subjects[0])
    return "; ".join(
        " ".join(f"`{one}`" for one in sorted(field.values(subject))) for subject in field.subjects
    )


def rows() -> list[str]:
    """Return the rows of the table as they should be."""
    return [
        f"| `{one.name}` | {', '.join(f'{subject}s' for subject in one.subjects)} "
        f"| {' '.join(f'`{how}`' for how in OPERATORS[one.kind])} | {one.about}: {values(one)} |"
        for one in FIELDS
    ]


def test_table_of_fields_is_that_of_the_code() -> None:
    assert re.findall(r"^\| `.*\|$", PAGE.read_text("utf-8"), re.MULTILINE) == rows()


def test_bounds_are_those_of_the_code() -> None:
    assert f"{MOST_CHARACTERS:,} characters" in PAGE.read_text("utf-8")
    assert f"{MOST_SCANNED:,} runs" in PAGE.read_text("utf-8")
