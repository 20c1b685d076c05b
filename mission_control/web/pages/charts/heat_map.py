"""A grid of hours and parts of an hour, the fuller the more is due."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup

from mission_control.web.pages.charts.elements import element, figure

_CELL, _HIGH, _LEFT, _TOP = 62, 24, 90, 20


def heat_map(caption: str, first: datetime, step: timedelta, counts: Sequence[int], zone: tzinfo) -> Markup:
    """Return the grid of `counts`, each of a stretch of `step` from `first` on, a row for each hour."""
    columns, most = round(timedelta(hours=1) / step), max(counts, default=0) or 1
    drawing = [
        element("text", f":{round(step.total_seconds() * at / 60):02d}", x=_LEFT + at * _CELL + 4, y=13)
        for at in range(columns)
    ]
    rows = list[Sequence[object]]()
    for at, count in enumerate(counts):
        moment = (first + at * step).astimezone(zone)
        line, column = divmod(at, columns)
        top = _TOP + line * _HIGH
        if column == 0:
            drawing.append(element("text", f"{moment:%a %H:00}", x=0, y=top + 16, class_="name"))
        cell = {"x": _LEFT + column * _CELL, "y": top, "width": _CELL - 3, "height": _HIGH - 3, "rx": 3}
        drawing.append(element("rect", **cell, class_="cold"))
        if count:
            title = element("title", f"{moment:%H:%M}: {count:,} due")
            wide = max(4.0, (_CELL - 3) * count / most)  # the length says it, not the colour alone
            drawing.append(
                element(
                    "rect", title, **{**cell, "width": wide}, class_="heat", opacity=0.3 + 0.45 * count / most
                )
            )
            drawing.append(element("text", f"{count:,}", x=cell["x"] + 5, y=top + 15, class_="name"))
            rows.append((f"{moment:%a %H:%M}", f"{count:,}"))
    size = (_LEFT + columns * _CELL, _TOP + _HIGH * -(-len(counts) // columns))
    return figure(caption, drawing, size, ("from", "due"), rows)
