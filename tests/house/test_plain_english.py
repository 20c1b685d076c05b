"""Words that the project has left behind, because a stranger stumbles over them, stay away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.repository import ROOT

# What to leave behind, and what to write instead.
LEFT_BEHIND = {
    r"whoever|nobody|somebody|those who": "the role or the thing",
    r"(?:is|are|was|were) to (?:be|have|become|do)": "should, must, expected; say who does it",
    r"told|tells? of": "logged, reported",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"anew": "again",
    r"beside": "next to, along with",
    r"cure[sd]?": "remedy",
    r"any more": "no longer",
    r"(?:redbeat|beat|celery|kombu|worker)'s own|of (?:redbeat|beat|kombu|celery)'s": "a RedBeat entry",
    r"owe[sd]?|debts?|paid|pays?|settle(?:s|d|ments?)?": "pending, written",
    r"stumbles?|dies of|died of|frowns?|rouse[sd]?|rehears\w*": "fails, crashes, warns, warm up",
    r"(?:falls?|fell|fallen) silent": "stops responding",
    r"(?:gives?|signs?) (?:of )?signs? of life|signs? of life": "heartbeat",
}
_CHOICES = "|".join(f"(?P<w{number}>{words.replace(' ', ' +')})" for number, words in enumerate(LEFT_BEHIND))
WORDS = re.compile(rf"(?<![A-Za-z])(?:{_CHOICES})(?![A-Za-z])", re.IGNORECASE)
PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "mission_control",
    "beat",
    "workers",
    "tests",
)
TEXTS = {".md", ".py", ".lua", ".txt", ".j2"}


def texts(place: str) -> list[Path]:
    path = ROOT / place
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return [file for file in files if file.suffix in TEXTS and file.resolve() != Path(__file__).resolve()]


def found(file: Path) -> list[str]:
    """Return what a file has of the words, each with its line and what to write instead."""
    text = file.read_text("utf-8")
    flat = re.sub(r"(?<=\n)[ \t#>*-]+|\n", lambda gap: " " * len(gap[0]), text)
    place = file.relative_to(ROOT)
    hits = [(text.count("\n", 0, hit.start()) + 1, hit) for hit in WORDS.finditer(flat)]
    return [f"{place}:{line}: {hit[0]!r}: write {instead(hit)}" for line, hit in hits]


def instead(hit: re.Match[str]) -> str:
    return list(LEFT_BEHIND.values())[int(str(hit.lastgroup)[1:])]


@pytest.mark.parametrize("place", PLACES)
def test_text_keeps_to_plain_english(place: str) -> None:
    files = texts(place)
    assert files, f"there is nothing at {place}"
    assert [line for file in files for line in found(file)] == []
