"""A handler that was found sound is not looked for again, and no change of it goes unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.handler_catalog.catalog import HandlerCatalog

if TYPE_CHECKING:
    from pathlib import Path

RUN = 'def run(context):\n    return {"status": "success", "output": "", "error": None}\n'


@pytest.fixture
def built_in(tmp_path: Path) -> Path:
    (tmp_path / "built_in").mkdir()
    return tmp_path / "built_in"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.fixture
def catalog(built_in: Path, own: Path) -> HandlerCatalog:
    return HandlerCatalog([built_in, own])


def test_handler_is_asked_for_again_without_looking_at_the_others(
    catalog: HandlerCatalog, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / "backup.py").write_text(RUN)
    assert catalog.problem("handlers.backup.run") is None

    def scan() -> None:
        raise AssertionError("it was looked at all of them")

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_scan", scan)
        assert catalog.problem("handlers.backup.run") is None


@pytest.mark.parametrize("change", ["edited", "removed", "replaced", "shadowed", "opened to all"])
def test_change_of_a_handler_that_was_sound_is_seen_at_once(
    catalog: HandlerCatalog, own: Path, built_in: Path, change: str
) -> None:
    file = own / "backup.py"
    file.write_text(RUN)
    assert catalog.problem("handlers.backup.run") is None
    assert catalog.problem("handlers.new.run") is not None
    broken = "def walk(context): ...\n"
    if change == "edited":
        file.write_text(broken)
    elif change == "removed":
        file.unlink()
    elif change == "replaced":
        (own / "other").write_text(broken)
        (own / "other").replace(file)
    elif change == "shadowed":
        (built_in / "backup.py").write_text(broken)
    else:
        file.chmod(0o666)
    assert catalog.problem("handlers.backup.run") is not None
    (own / "new.py").write_text(RUN)
    assert catalog.problem("handlers.new.run") is None
