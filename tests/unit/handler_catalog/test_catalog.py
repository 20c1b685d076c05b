from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from mission_control.handler_catalog.catalog import HandlerCatalog, catalog_from

if TYPE_CHECKING:
    from pathlib import Path

RUN = (
    'def run(context):\n    """Say hello."""\n    return {"status": "success", "output": "", "error": None}\n'
)


@pytest.fixture
def built_in(tmp_path: Path) -> Path:
    directory = tmp_path / "built_in"
    directory.mkdir()
    (directory / "hello.py").write_text(RUN)
    (directory / "daily_briefing.py").write_text(RUN)
    return directory


@pytest.fixture
def own(tmp_path: Path) -> Path:
    directory = tmp_path / "own"
    directory.mkdir()
    return directory


@pytest.fixture
def catalog(built_in: Path, own: Path) -> HandlerCatalog:
    return HandlerCatalog([built_in, own])


def test_handler_is_listed_with_path_file_line_and_summary(catalog: HandlerCatalog, own: Path) -> None:
    (own / "backup.py").write_text("import os\n\n\n" + RUN)
    found = catalog.handlers()["handlers.backup.run"]
    assert (found.file, found.function, found.line) == (own / "backup.py", "run", 4)
    assert (found.summary, found.problem) == ("Say hello.", None)


def test_scan_neither_imports_nor_runs_modules(catalog: HandlerCatalog, own: Path, tmp_path: Path) -> None:
    (own / "intruder.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{RUN}")
    assert catalog.problem("handlers.intruder.run") is None
    assert not (tmp_path / "ran").exists()
    assert "intruder" not in sys.modules


@pytest.mark.parametrize(
    "signature",
    ["context", "context, /", "context, extra=1", "*args", "context=None", "context, *, a=1", "c, **more"],
)
def test_function_with_one_argument_is_a_handler(catalog: HandlerCatalog, own: Path, signature: str) -> None:
    (own / "mine.py").write_text(f"def act({signature}): ...\nasync def wait({signature}): ...\n")
    assert catalog.problem("handlers.mine.act") is None
    assert catalog.problem("handlers.mine.wait") is None


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ("def act(): ...", "cannot be called with one argument"),
        ("def act(a, b): ...", "cannot be called with one argument"),
        ("def act(a, *, b): ...", "cannot be called with one argument"),
        ("def act(*, context): ...", "cannot be called with one argument"),
        ("async def act(): ...", "cannot be called with one argument"),
        ("class act: ...", "is a class"),
    ],
)
def test_unusable_handler_is_explained(
    catalog: HandlerCatalog, own: Path, definition: str, words: str
) -> None:
    (own / "mine.py").write_text(f"\n{definition}\n")
    problem = catalog.problem("handlers.mine.act")
    assert problem is not None
    assert words in problem
    assert f"{own / 'mine.py'}, line 2" in problem
    assert "handlers.mine.act" not in catalog.handlers()


def test_uncallable_run_is_listed_with_its_problem(catalog: HandlerCatalog, own: Path) -> None:
    (own / "mine.py").write_text("def run(): ...\n")
    assert "one argument" in str(catalog.handlers()["handlers.mine.run"].problem)


@pytest.mark.parametrize(
    "source", ["from os import system\n", "if True:\n    def system(c): ...\n", "system = print\n"]
)
def test_function_not_defined_at_top_level_is_no_handler(
    catalog: HandlerCatalog, own: Path, source: str
) -> None:
    (own / "daily.py").write_text(source + RUN)
    problem = catalog.problem("handlers.daily.system")
    assert problem is not None
    assert problem.startswith("no handler 'handlers.daily.system'")


def test_unknown_handler_error_lists_the_known_ones(catalog: HandlerCatalog, built_in: Path) -> None:
    problem = catalog.problem("handlers.os.system")
    assert problem is not None
    assert problem.startswith("no handler 'handlers.os.system'")
    assert "there are: handlers.daily_briefing.run, handlers.hello.run" in problem
    assert str(built_in) in problem


def test_misspelt_handler_error_suggests_the_intended_one(catalog: HandlerCatalog) -> None:
    assert 'did you mean "handlers.daily_briefing.run"?' in str(
        catalog.problem("handlers.daily_breifing.run")
    )


def test_malformed_path_error_shows_the_syntax(catalog: HandlerCatalog) -> None:
    assert "write handlers.<module>.<function>" in str(catalog.problem("handlers.../x"))


def test_missing_directory_has_no_handlers_and_is_named(tmp_path: Path) -> None:
    catalog = HandlerCatalog([tmp_path / "nowhere"])
    assert catalog.handlers() == {}
    assert "there are none" in str(catalog.problem("handlers.a.run"))
    assert "which does not exist" in str(catalog.problem("handlers.a.run"))


def test_module_with_a_syntax_error_is_listed_with_its_line(catalog: HandlerCatalog, own: Path) -> None:
    (own / "broken.py").write_text("x = 1\ndef run(context:\n")
    assert "broken.py line 2: " in str(catalog.handlers()["handlers.broken"].problem)
    assert "broken.py line 2: " in str(catalog.problem("handlers.broken.run"))
    assert catalog.problem("handlers.hello.run") is None


@pytest.mark.parametrize(
    "content",
    [
        b"\x00",
        b"x = '\xff'\n",
        b"# coding: nonsense\n",
        b"(" * 100_000,
        b"-" * 100_000 + b"1",
        b"#" * 1_100_000,
    ],
    ids=["null", "not UTF-8", "unknown coding", "brackets", "deep", "large"],
)
def test_unreadable_module_does_not_hide_the_others(
    catalog: HandlerCatalog, own: Path, content: bytes
) -> None:
    (own / "odd.py").write_bytes(content)
    assert str(own / "odd.py") in str(catalog.handlers()["handlers.odd"].problem)
    assert catalog.problem("handlers.hello.run") is None


def test_module_with_an_invalid_escape_is_accepted(catalog: HandlerCatalog, own: Path) -> None:
    (own / "windows.py").write_text('PATH = "C:\\data"\n' + RUN)
    assert catalog.problem("handlers.windows.run") is None


def test_link_out_of_the_directory_is_refused(catalog: HandlerCatalog, own: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(RUN)
    (own / "linked.py").symlink_to(tmp_path / "outside.py")
    assert "leads out of its directory" in str(catalog.problem("handlers.linked.run"))


def test_link_within_the_directory_is_followed(catalog: HandlerCatalog, own: Path) -> None:
    (own / "_inner.py").write_text(RUN)
    (own / "linked.py").symlink_to("_inner.py")
    assert catalog.handlers()["handlers.linked.run"].file == own / "_inner.py"


def test_directory_that_is_a_link_is_accepted(built_in: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(built_in)
    assert HandlerCatalog([tmp_path / "link"]).problem("handlers.hello.run") is None


def test_dangling_and_circular_links_are_listed_with_their_problem(
    catalog: HandlerCatalog, own: Path
) -> None:
    (own / "nowhere.py").symlink_to(own / "missing.py")
    (own / "circle.py").symlink_to(own / "circle.py")
    problems = {path: source.problem for path, source in catalog.handlers().items()}
    assert "cannot be used" in str(problems["handlers.nowhere"])
    assert "cannot be used" in str(problems["handlers.circle"])


def test_pipe_named_like_a_module_is_refused_without_waiting(catalog: HandlerCatalog, own: Path) -> None:
    os.mkfifo(own / "pipe.py")
    assert "not a regular file" in str(catalog.problem("handlers.pipe.run"))


def test_later_module_does_not_replace_an_earlier_one(
    catalog: HandlerCatalog, built_in: Path, own: Path
) -> None:
    (own / "hello.py").write_text(RUN)
    handlers = catalog.handlers()
    assert handlers["handlers.hello.run"].file == built_in / "hello.py"
    assert catalog.problem("handlers.hello.run") is None
    assert "is not used" in str(handlers[str(own / "hello.py")].problem)


def test_directory_given_twice_is_read_once(built_in: Path) -> None:
    once = HandlerCatalog([built_in]).handlers()
    assert HandlerCatalog([built_in, built_in / ".." / "built_in"]).handlers() == once


def test_private_modules_and_other_files_are_ignored(catalog: HandlerCatalog, own: Path) -> None:
    (own / "__init__.py").write_text(RUN)
    (own / "_helpers.py").write_text(RUN)
    (own / "notes.txt").write_text(RUN)
    (own / "package").mkdir()
    (own / "package" / "inner.py").write_text(RUN)
    assert set(catalog.handlers()) == {"handlers.hello.run", "handlers.daily_briefing.run"}


def test_module_with_an_impossible_name_is_listed_with_its_problem(
    catalog: HandlerCatalog, own: Path
) -> None:
    (own / "my-backup.py").write_text(RUN)
    assert "letters, digits and underscores" in str(catalog.handlers()["handlers.my-backup"].problem)


def test_changed_module_is_read_again(catalog: HandlerCatalog, own: Path) -> None:
    assert catalog.problem("handlers.mine.run") is not None
    (own / "mine.py").write_text(RUN)
    assert catalog.problem("handlers.mine.run") is None
    (own / "mine.py").write_text("def other(context): ...\n")
    assert catalog.problem("handlers.mine.run") is not None


def test_given_directories_are_added_to_the_built_in_one(own: Path) -> None:
    (own / "mine.py").write_text(RUN)
    catalog = catalog_from((own,))
    assert [directory.name for directory in catalog.directories] == ["handlers", "own"]
    assert catalog.problem("handlers.mine.run") is None
