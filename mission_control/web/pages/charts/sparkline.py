"""The last outcomes of a task in a row: the height is how long each took, the colour how it ended."""

from collections.abc import Sequence

from markupsafe import Markup

from mission_control.web.pages.charts.elements import element
from mission_control.web.pages.states import kind_of

_BAR, _GAP, _HIGH = 5, 1, 24


def sparkline(outcomes: Sequence[tuple[str, int | None]], *, most: int = 20) -> Markup:
    """Return the chart of states and durations in milliseconds, the latest first; a failed run has a foot.

    >>> sparkline([("success", 10), ("failure", None)]).count("<rect")
    3
    """
    shown = list(reversed(outcomes[:most]))
    longest = max((took for _, took in shown if took is not None), default=0) or 1
    bars, at = list[Markup](), (most - len(shown)) * (_BAR + _GAP)
    for state, took in shown:
        kind, high = kind_of(state), 4 + (_HIGH - 9) * (took or 0) / longest
        bars.append(
            element("rect", x=at, y=_HIGH - 5 - high, width=_BAR, height=high, rx=1, class_=f"f-{kind}")
        )
        if kind in {"bad", "warn"}:  # a shape as well as a colour
            bars.append(element("rect", x=at, y=_HIGH - 3, width=_BAR, height=3, class_=f"f-{kind}"))
        at += _BAR + _GAP
    good = sum(state == "success" for state, _ in shown)
    label = f"{good} of the last {len(shown)} runs succeeded" if shown else "no runs yet"
    size = f"0 0 {most * (_BAR + _GAP)} {_HIGH}"
    return element("svg", *bars, viewBox=size, class_="spark", role="img", aria_label=label)
