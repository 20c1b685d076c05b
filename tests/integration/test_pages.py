"""What the pages show is typed as it stands, in an empty folder, with Mission Control on PATH."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from mission_control.cli.demo.command import NEXT_COMMANDS
from tests.house.documentation import PAGES, all_blocks, name_of, spans
from tests.house.repository import ROOT
from tests.stage.reader import Reader, is_shown
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.starts_early(120)

README, EXAMPLES = ROOT / "README.md", ROOT / "examples" / "README.md"
_RUN = {"sh", "console", "python"}
REFERENCE = [
    page
    for page in PAGES
    if page.parent == ROOT / "docs"
    and any(block.language in _RUN and block.reason is None for block in all_blocks(page))
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who begins in an empty folder."""
    with Reader(tmp_path_factory.mktemp("reader")) as reader:
        yield reader
        assert "stopped; no run was interrupted" in reader.type("mission-control down")


@pytest.mark.parametrize("page", [README, *REFERENCE], ids=name_of)
def test_page_does_what_it_shows(reader: Reader, page: Path) -> None:
    if page != README and not reader.has_read:  # what the README begins with
        reader.type("mission-control up -d")
        reader.type("mission-control task add tea --handler handlers.hello.run --daily 16:00")
    reader.read(page)
    if page == README:
        send_as_shown(reader)


def test_what_the_demo_says_to_type_next_is_what_the_readme_types() -> None:
    typed = [line for block in all_blocks(README) for line, _ in block.typed()]
    assert {f"./mc {words}" for words in NEXT_COMMANDS} <= set(typed)


def send_as_shown(reader: Reader) -> None:
    """Send a run with a plain Celery client, by the expression in the README."""
    (expression,) = (text for text in spans(README) if text.startswith("Celery(broker=URL)"))
    broker = reader.type("./mc url --password").strip()
    program = f"from celery import Celery\nURL = {broker!r}\n{expression}\n"
    (reader.folder / "client.py").write_text(program, "utf-8")
    reader.type("python client.py")
    wait_until(lambda: "Hello, Eve!" in reader.type("./mc audit tail"), "the client's run ran")


def test_examples_do_what_their_page_shows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    with Reader(tmp_path) as reader:
        reader.read(EXAMPLES)


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ("a  1\nb", "a 1  \nb\n", True),
        ("tea@… ok", "tea@2026 ok", True),
        ("first\n…", "first\nsecond\nthird", True),
        ("first\n…\nlast", "first\nlast", True),
        ("first\n…\nlast", "first\nsecond\nthird\nlast", True),
        ("tea", "tea\ncoffee", False),
        ("a\nb", "a b", False),
        ("a.c", "abc", False),
        ("at 2026-03-02 16:00:00, took 9 ms", "at 2027-11-30 09:01:02.345, took 1 h 2 min", True),
        ("once at 2026-03-02 16:00:03 (UTC)", "once at 2027-11-30 09:01 (UTC)", True),
        ("at 16:00", "at 17:00", False),
        ("3 runs", "4 runs", False),
    ],
)
def test_ellipsis_on_a_page_stands_for_anything_and_nothing_else_does(
    shown: str, printed: str, is_same: bool
) -> None:
    assert is_shown(shown, printed) is is_same
