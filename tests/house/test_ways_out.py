"""Text reaches the terminal through one module, and from there escaped."""

from __future__ import annotations

import inspect
import io
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from rich.text import Text

from mission_control.cli.terminal import output
from mission_control.cli.terminal.layout import Column, Worth
from tests.house.repository import ROOT, python_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = Column("", Worth.KEY)
HOSTILE = "a\x1b[2J\x07\x7f\x9b1m\u202e\u2028\u200b\U000e0041\udc80 [red]b"
_WRITES = re.compile(
    r"\bprint\(|click\.(s?echo|confirm|prompt)\(|std(out|err)\.write|print_exc\(|\bConsole\(", re.MULTILINE
)
# What the probe of a handler writes is read by the command that has started it.
_ELSEWHERE = {"mission_control/cli/terminal/output.py", "mission_control/cli/handler/probe.py"}

WAYS_OUT: dict[str, Callable[[Any], object]] = {
    "echo": output.echo,
    "echo_line": output.echo_line,
    "echo_file": output.echo_file,
    "echo_json": output.echo_json,
    "echo_json_array": lambda text: output.echo_json_array([text]),
    "echo_json_line": output.echo_json_line,
    "tell": output.tell,
    "tell_error": output.tell_error,
    "tell_issues": lambda text: output.tell_issues([text]),
    "console": lambda text: output.console().print(Text(text, style="red")),
    "table": lambda text: output.echo(output.table(KEY, Column(text), rows=[(text, Text(text))])),
    "facts": lambda text: output.echo(output.facts([(text, text), ("b", Text(text))])),
    "asks": output.asks,
}
_WRITE_NOTHING = {"printable", "lines_of", "as_text", "near", "abandon_stdout", "is_wide", "frame"}


def test_command_line_writes_through_one_module() -> None:
    def place(path: Path) -> str:
        return str(path.relative_to(ROOT))

    found = {
        place(path): _WRITES.findall(path.read_text("utf-8")) for path in python_files("mission_control/cli")
    }
    assert [name for name, writes in found.items() if writes and name not in _ELSEWHERE] == []


def test_every_function_that_writes_is_tested_here() -> None:
    functions = inspect.getmembers(output, inspect.isfunction)
    ours = {name for name, one in functions if one.__module__ == output.__name__ and not name.startswith("_")}
    assert ours - _WRITE_NOTHING == WAYS_OUT.keys()


@pytest.mark.parametrize("write", WAYS_OUT.values(), ids=WAYS_OUT)
def test_hostile_text_is_shown_and_does_nothing(
    write: Callable[[Any], object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    write(HOSTILE)
    shown = "".join(capsys.readouterr())
    assert "b" in shown
    assert "1b[2J" in shown
    assert [one for one in shown if not one.isprintable() and one != "\n"] == []


def test_json_is_the_value_itself(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo_json({HOSTILE: ["Grüße, 世界", HOSTILE]})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {HOSTILE: ["Grüße, 世界", HOSTILE]}
    assert "Grüße, 世界" in shown


def test_cell_of_a_table_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo(output.table(KEY, rows=[("one\nforged",), (Text("two\nforged", style="red"),)]))
    assert capsys.readouterr().out.split() == ["one\\nforged", "two\\nforged"]
