"""Charts are SVG made from values: what they draw, what their tables say, and that no text becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from mission_control.web.pages.charts.dependency_graph import Node, dependency_graph
from mission_control.web.pages.charts.heat_map import heat_map
from mission_control.web.pages.charts.percentile_chart import Point, percentile_chart
from mission_control.web.pages.charts.run_bars import RunBar, run_bars
from mission_control.web.pages.charts.sparkline import sparkline

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOSTILE = "<script>alert(1)</script>"


def drawn(markup: str) -> ET.Element:
    """Return a chart as XML, which it must be."""
    return ET.fromstring(markup)


def cells(markup: str) -> list[list[str]]:
    """Return the rows of a chart's table."""
    return [["".join(cell.itertext()) for cell in row] for row in drawn(markup).iterfind(".//tbody/tr")]


def test_sparkline_says_how_many_runs_succeeded_and_marks_failures_by_shape() -> None:
    chart = drawn(sparkline([("success", 10), ("failure", 20), ("success", None)]))
    assert chart.get("aria-label") == "2 of the last 3 runs succeeded"
    assert [one.get("class") for one in chart.iter("rect")].count("f-bad") == 2  # the bar and its foot


def test_sparkline_without_runs_says_so() -> None:
    assert drawn(sparkline([])).get("aria-label") == "no runs yet"


def test_percentiles_have_a_table_and_marks_inside_the_stretch() -> None:
    points = [Point(NOON + at * SECOND, at + 1, 10.0 * at, 20.0 * at) for at in range(4)]
    marks = [(NOON + 2 * SECOND, "revision 4"), (NOON + 60 * SECOND, "revision 5")]
    chart = percentile_chart("How long runs took", points, UTC, marks)
    assert cells(chart)[3] == ["03-01 12:00", "4", "30 ms", "60 ms"]
    assert "revision 4" in chart
    assert "revision 5" not in chart


def test_percentiles_of_one_moment_have_one_label() -> None:
    chart = percentile_chart("How long runs took", [Point(NOON, 1, 10.0, 20.0)], UTC)
    assert ["".join(one.itertext()) for one in drawn(chart).iter("text")].count("Mar 01 12:00") == 1


@pytest.mark.parametrize(
    ("sent", "started", "ended", "expected"),
    [
        (1, 3, 6, (1, 2, 3)),
        (0, 0, None, (0, 0, 10)),
        (2, None, None, (2, 8, 0)),
        (None, None, 4, (4, 0, 0)),
    ],
)
def test_run_bar_tells_lateness_waiting_and_running_apart(
    sent: int | None, started: int | None, ended: int | None, expected: tuple[int, int, int]
) -> None:
    times = (None if one is None else NOON + one * SECOND for one in (sent, started, ended))
    bar = RunBar("tea@1", "/runs/tea@1", "success", NOON, *times)
    assert bar.spans(NOON + 10 * SECOND) == tuple(one * SECOND for one in expected)


def test_run_bars_have_a_row_for_each_run() -> None:
    bars = [RunBar(f"tea@{at}", "/", "failure", NOON, NOON, NOON, NOON + SECOND) for at in range(3)]
    chart = run_bars("The latest runs", bars, NOON, UTC)
    assert [row[0] for row in cells(chart)] == ["tea@0", "tea@1", "tea@2"]
    assert cells(chart)[0][5] == "1 s"


def test_heat_map_lists_what_is_due_and_leaves_out_what_is_not() -> None:
    chart = heat_map("Due", NOON, timedelta(minutes=30), [0, 7, 0, 1_200], UTC)
    assert cells(chart) == [["Sun 12:30", "7"], ["Sun 13:30", "1,200"]]


def test_graph_stands_from_left_to_right_and_survives_a_circle() -> None:
    nodes = [
        Node("b", "/b", "failure", {"a": "success"}),
        Node("a", "/a", "success", {}),
        Node("c", "/c", "running", {"b": "failure", "d": "any"}),
        Node("d", "/d", "running", {"c": "any"}),
    ]
    chart = drawn(dependency_graph("Tasks", nodes))
    places = {
        (one.findtext("title") or "").split(":")[0]: float(one.find("rect").get("x", "0"))  # type: ignore[union-attr]
        for one in chart.iter("a")
    }
    assert places["a"] < places["b"] < places["c"]


def test_edge_over_a_column_of_the_graph_passes_below_the_tasks_that_stand_there() -> None:
    nodes = [
        Node("a", "/a", "success", {}),
        Node("b", "/b", "success", {"a": "success"}),
        Node("c", "/c", "success", {"a": "any", "b": "success"}),
    ]
    chart = drawn(dependency_graph("Tasks", nodes))
    (box,) = (one.find("rect") for one in chart.iter("a") if one.get("href") == "/b")
    assert box is not None
    bottom = float(box.get("y", "0")) + float(box.get("height", "0"))
    ways = [one.get("d", "") for one in chart.iter("path") if one.get("class") == "edge"]
    over = [way for way in ways if " H" in way]
    assert (len(ways), len(over)) == (3, 1)
    level = float(over[0].partition(" H")[0].split()[-1])
    assert bottom < level <= float(chart.find("svg").get("viewBox", "").split()[3])  # type: ignore[union-attr]
    (words,) = (one for one in chart.iter("text") if one.text == "any")
    assert float(words.get("y", "0")) == level - 5  # on its own way, not on that of another edge


def test_text_in_a_chart_is_no_markup() -> None:
    bars = [RunBar(HOSTILE, f"/{HOSTILE}", "success", NOON, NOON, NOON, NOON)]
    charts = [
        run_bars(HOSTILE, bars, NOON, UTC),
        dependency_graph(HOSTILE, [Node(HOSTILE, f"/{HOSTILE}", HOSTILE, {})]),
        percentile_chart(HOSTILE, [Point(NOON, 1, 1, 1)], UTC, [(NOON, HOSTILE)]),
        heat_map(HOSTILE, NOON, timedelta(hours=1), [1], UTC),
    ]
    for chart in charts:
        assert "<script" not in chart
        assert HOSTILE in "".join(drawn(chart).itertext())


def test_charts_of_nothing_are_drawn() -> None:
    assert cells(run_bars("Runs", [], NOON, UTC)) == []
    assert cells(percentile_chart("Took", [], UTC)) == []
    assert cells(dependency_graph("Tasks", [])) == []
