"""Percentiles over time: a line for half of all runs, a dashed one for 95 %, and marks at revisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from markupsafe import Markup

from mission_control.model.values.quantities import span_ms
from mission_control.web.pages.charts.elements import element, figure, legend

_WIDE, _HIGH, _LEFT, _LOW = 640, 190, 58, 24
_LABEL = 70


@dataclass(frozen=True)
class Point:
    """What a stretch of time shows, in milliseconds."""

    at: datetime
    count: int
    p50: float
    p95: float


def percentile_chart(
    caption: str, points: Sequence[Point], zone: tzinfo, marks: Sequence[tuple[datetime, str]] = ()
) -> Markup:
    """Return the chart; `marks` are moments with a label, such as a revision, inside the stretch."""
    rows = [
        (f"{one.at.astimezone(zone):%m-%d %H:%M}", one.count, span_ms(one.p50), span_ms(one.p95))
        for one in points
    ]
    head = ("from", "runs", "50 %", "95 %")
    if not points:
        return figure(caption, (), (_WIDE, 1), head, rows)
    first, last = points[0].at.timestamp(), points[-1].at.timestamp()
    top = max(one.p95 for one in points) or 1

    def x(moment: datetime) -> float:
        share = (moment.timestamp() - first) / (last - first) if last > first else 0.5
        return _LEFT + (_WIDE - _LEFT - 10) * share

    def y(value: float) -> float:
        return (_HIGH - _LOW) - (_HIGH - _LOW - 14) * value / top

    drawing = list[Markup]()
    for share in (0, 0.5, 1):
        height = y(top * share)
        drawing.append(element("line", x1=_LEFT, x2=_WIDE - 10, y1=height, y2=height, class_="axis"))
        drawing.append(
            element("text", span_ms(top * share) or "0", x=_LEFT - 6, y=height + 4, text_anchor="end")
        )
    for one, anchor in (
        ((points[0], "start"), (points[-1], "end")) if last > first else ((points[0], "middle"),)
    ):
        text = f"{one.at.astimezone(zone):%b %d %H:%M}"
        drawing.append(element("text", text, x=x(one.at), y=_HIGH - 6, text_anchor=anchor))
    free_from = 0.0
    for moment, label in sorted(marks):
        if first <= moment.timestamp() <= last:
            at = x(moment)
            drawing.append(element("line", x1=at, x2=at, y1=8, y2=_HIGH - _LOW, class_="mark line"))
            if at >= free_from:
                drawing.append(element("text", label, x=at + 3, y=16))
                free_from = at + _LABEL
    for name in ("p50", "p95"):
        path = " ".join(f"{x(one.at):.1f},{y(getattr(one, name)):.1f}" for one in points)
        drawing.append(element("polyline", points=path, class_=f"line {name}"))
    drawing += [element("circle", cx=x(one.at), cy=y(one.p50), r=3, class_="f-run") for one in points]
    drawing += [
        element("rect", x=x(one.at) - 3, y=y(one.p95) - 3, width=6, height=6, class_="f-warn")
        for one in points
    ]
    shapes = legend(("f-run", "50 % of runs (dots)"), ("f-warn", "95 % (squares, dashed)"))
    return figure(caption, drawing, (_WIDE, _HIGH), head, rows, legend=shapes)
