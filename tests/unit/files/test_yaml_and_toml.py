from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mission_control.errors import TaskFileError
from mission_control.files.data_file import read_data_file
from mission_control.files.task_file import read_task_file, write_task_file
from mission_control.files.yaml_text import dump_yaml, parse_yaml
from mission_control.model.definitions.task import parse_task

if TYPE_CHECKING:
    from pathlib import Path

TASKS = """\
# Tea at four.
tasks:
  - id: tea
    handler: handlers.hello.run
    schedule: {type: weekly, days: [mon, fri], time: 16:00, start: 2026-03-01}
    params: {name: tea, sugar: 2, milk: false, note: ~}
    notify:
      on: [failure]
  - {id: log, handler: handlers.hello.run, schedule: every 5m}
"""
SAME_TOML = """\
[[tasks]]
id = "tea"
handler = "handlers.hello.run"
params = { name = "tea", sugar = 2, milk = false }
notify.on = ["failure"]
[tasks.schedule]
type = "weekly"
days = ["mon", "fri"]
time = 16:00:00
start = 2026-03-01
[[tasks]]
id = "log"
handler = "handlers.hello.run"
schedule = "every 5m"
"""


def test_yaml_file_means_what_the_same_json_means(tmp_path: Path) -> None:
    file = tmp_path / "tasks.yml"
    file.write_text(TASKS, "utf-8")
    tea, log = read_task_file(file).tasks
    assert tea["schedule"] == {
        "type": "weekly",
        "days": ["mon", "fri"],
        "time": "16:00",
        "start": "2026-03-01",
    }
    assert tea["params"] == {"name": "tea", "sugar": 2, "milk": False, "note": None}
    assert tea["notify"] == {"on": ["failure"]}
    assert log["schedule"] == "every 5m"


def test_toml_file_means_what_the_same_json_means(tmp_path: Path) -> None:
    file = tmp_path / "tasks.toml"
    file.write_text(SAME_TOML, "utf-8")
    tea, log = read_task_file(file).tasks
    assert (tea["schedule"]["time"], tea["schedule"]["start"]) == ("16:00:00", "2026-03-01")
    assert tea["params"] == {"name": "tea", "sugar": 2, "milk": False}
    assert log["schedule"] == "every 5m"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("09:00", "09:00"),
        ("12:30:45", "12:30:45"),
        ("2026-12-24", "2026-12-24"),
        ("2026-12-24 18:00:00", "2026-12-24 18:00:00"),
        ("1.5", 1.5),
        ("-0", 0),
        ("1e3", 1000.0),
        ('"yes"', "yes"),
        ("|\n  yes\n", "yes\n"),
        ("True", True),
        ("@daily x", None),
        ("", None),
        ("a=b", "a=b"),
    ],
)
def test_plain_value_is_text_unless_json_has_it(text: str, value: object) -> None:
    if text.startswith("@"):  # YAML reserves it, in quotes it is text
        text, value = f'"{text}"', "@daily x"
    assert parse_yaml(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "on", "OFF", "y", "0777", "0o17", "0x1F", "1_000", ".inf", "-.NaN", "+5", ".5", "5."],
)
def test_value_that_yaml_versions_read_differently_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 2, column 4: .* means different things in versions of YAML"):
        parse_yaml(f"on: failure\nb: {text}")
    assert parse_yaml(f'b: "{text}"') == {"b": text}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.yaml", "id: a\nid: b", "line 2, column 1: an object has the key 'id' twice"),
        ("a.yaml", "a: &x [1]\nb: *x", "line 2, column 4: an alias repeats a part"),
        ("a.yaml", "a: &x {b: 1}\nc:\n  <<: *x", "a merge repeats a part"),
        ("a.yaml", "a: !!python/object:os.system x", "the tag "),
        ("a.yaml", "a: !!timestamp 2026-01-01", "has no meaning here"),
        ("a.yaml", "[1]: 2", "a key is text"),
        ("a.yaml", "a: 1\n---\nb: 2", "line 3, column 1: another document begins"),
        ("a.yaml", "a: [1", "is not valid YAML: line "),
        ("a.yaml", "\ta: 1", "line 1, column 1"),
        ("a.yaml", "a: \x07", "is not valid YAML"),
        ("a.yaml", "[" * 50_000, "a.yaml: is "),
        ("a.yaml", b"\xff\xfe\xff", "is not UTF-8"),
        ("a.toml", "id = 'a'\nid = 'b'\n", "line 2, column"),
        ("a.toml", "a = " + "[" * 50_000, "a.toml: is "),
        ("a.TOML", "a: 1", "is not valid TOML"),
        ("a.json", "a: 1", "is not valid JSON: line 1"),
    ],
    ids=lambda one: str(one)[:25],
)
def test_file_that_cannot_be_read_is_reported_with_place(
    name: str, content: str | bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TaskFileError, match=re.escape(problem)) as caught:
        read_data_file(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_exported_yaml_is_read_as_it_was_and_toml_is_refused(tmp_path: Path) -> None:
    given = {"id": "a", "handler": "handlers.hello.run", "schedule": "daily 09:00"}
    task = parse_task(
        {**given, "params": {"on": "yes", "n": "0777", "at": "12:00", "e": "1e3", "o": "0o17", "none": None}}
    )
    write_task_file(tmp_path / "a.yaml", [task])
    (again,) = read_task_file(tmp_path / "a.yaml").tasks
    assert parse_task(again) == task
    with pytest.raises(TaskFileError, match="write JSON or YAML"):
        write_task_file(tmp_path / "a.toml", [task])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=JSON)
def test_every_json_value_survives_yaml(value: Any) -> None:
    assert json.dumps(parse_yaml(dump_yaml({"value": value}))) == json.dumps({"value": value})
    assert json.dumps(yaml.safe_load(dump_yaml({"value": value}))) == json.dumps({"value": value})


def test_object_that_tasks_share_is_written_out_for_each() -> None:
    shared = {"type": "weekly", "days": ["mon"]}
    tasks = [{"id": "a", "schedule": shared}, {"id": "b", "schedule": shared}]
    assert parse_yaml(dump_yaml(tasks)) == tasks
