from __future__ import annotations

import click
import pytest

from mission_control.cli.terminal.param_pairs import ParamPair, param_value, with_pairs


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Ada", "Ada"),
        ("", ""),
        ("5", 5),
        ('"5"', "5"),
        ("007", "007"),
        ("null", None),
        ('{"a": [1]}', {"a": [1]}),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("a=b", "a=b"),
        ("9" * 200, "9" * 200),
    ],
    ids=lambda one: str(one)[:20],
)
def test_value_is_json_where_it_parses_and_text_elsewhere(text: str, value: object) -> None:
    assert param_value(text) == value


@pytest.mark.parametrize("text", ["{a: hunter2}", "[hunter2", '"hunter2', '{"a": 1, "a": 2}'])
def test_broken_json_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not JSON") as caught:
        ParamPair().convert(f"token={text}", None, None)
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("text", ["name", "=Ada", "a..b=1", ".a=1"])
def test_pair_without_a_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write NAME=VALUE"):
        ParamPair().convert(text, None, None)


def test_dotted_names_reach_inside_and_change_no_argument() -> None:
    params = {"address": {"city": "Ulm"}}
    found = with_pairs(params, [(("address", "zip"), "89073"), (("name",), "Ada")])
    assert found == {"address": {"city": "Ulm", "zip": "89073"}, "name": "Ada"}
    assert params == {"address": {"city": "Ulm"}}


@pytest.mark.parametrize("second", [("a",), ("a", "b")])
def test_param_given_twice_is_refused(second: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError, match="is given twice"):
        with_pairs(None, [(("a",), 1), (second, 2)])
