"""Handlers come only from directories and modules that no other user could change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.handler_catalog.catalog import HandlerCatalog
from tests.stage.other_user import TROUBLE, give_away

if TYPE_CHECKING:
    from pathlib import Path

RUN = "def run(context): ...\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    directory = tmp_path / "own"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("given_away", [".", ".."])
def test_directory_that_another_user_could_change_has_no_handlers(own: Path, given_away: str) -> None:
    (own / "planted.py").write_text(RUN)
    catalog = HandlerCatalog([own])
    assert catalog.problem("handlers.planted.run") is None
    before = catalog.state()

    give_away((own / given_away).resolve())
    (listed,) = catalog.handlers().values()
    assert f"the handlers in {own} are not used" in str(listed.problem)
    assert TROUBLE in str(listed.problem)
    assert str(listed.problem) in str(catalog.problem("handlers.planted.run"))
    assert catalog.usable_directories() == []
    assert catalog.state() != before


def test_module_that_another_user_could_change_is_refused(own: Path) -> None:
    catalog = HandlerCatalog([own])
    for name in ("mine", "planted"):
        (own / f"{name}.py").write_text(RUN)
    before = catalog.state()
    give_away(own / "planted.py")
    assert f"planted.py {TROUBLE}" in str(catalog.problem("handlers.planted.run"))
    assert catalog.problem("handlers.mine.run") is None
    assert catalog.state() != before


def test_missing_directory_is_no_problem_wherever_it_would_be(tmp_path: Path) -> None:
    give_away(tmp_path)
    assert HandlerCatalog([tmp_path / "handlers"]).handlers() == {}


@pytest.mark.parametrize(
    "code", ["_team.py", "__pycache__/mine.cpython-311.pyc", "lib/tool.py", "lib/__init__.py", "_fast.so"]
)
@pytest.mark.parametrize("place", ["file", "folder"])
def test_directory_with_code_that_another_user_could_change_is_not_used(
    own: Path, code: str, place: str
) -> None:
    (own / "mine.py").write_text(RUN)
    (own / "data").mkdir()
    give_away(own / "data")  # has no code
    (own / code).parent.mkdir(exist_ok=True)
    (own / code).write_text("")
    catalog = HandlerCatalog([own])
    assert catalog.problem("handlers.mine.run") is None
    changed = own / code if place == "file" else (own / code).parent
    give_away(changed)
    assert f"the handlers in {own} are not used: {changed} {TROUBLE}" in str(
        catalog.problem("handlers.mine.run")
    )
    assert catalog.usable_directories() == []
