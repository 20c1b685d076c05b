"""Runs on an axis of time: how late each was sent, how long it waited in its queue, how long it ran."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup

from mission_control.model.values.quantities import span_ms
from mission_control.web.pages.charts.elements import element, figure, legend
from mission_control.web.pages.states import kind_of

_WIDE, _LEFT, _ROW, _TOP = 960, 240, 22, 22
_TICKS, _LETTERS = 6, 28


@dataclass(frozen=True)
class RunBar:
    """A run to draw: due, sent, started and ended, each None if that has not happened."""

    name: str
    href: str
    state: str
    due: datetime
    sent: datetime | None
    started: datetime | None
    ended: datetime | None

    def spans(self, now: datetime) -> tuple[timedelta, timedelta, timedelta]:
        """Return how late it was sent, how long it waited in the queue, and how long it has run."""
        sent = self.sent if self.sent is not None else (self.ended or now)
        start = self.started if self.started is not None else (self.ended or now)
        end = self.ended if self.ended is not None else now
        none = timedelta(0)
        ran = max(end - start, none) if self.started is not None else none
        return max(sent - self.due, none), max(start - max(sent, self.due), none), ran


def run_bars(caption: str, bars: Sequence[RunBar], now: datetime, zone: tzinfo) -> Markup:
    """Return the chart, a row for each run, in the order given."""
    spans = [one.spans(now) for one in bars]
    head = ("run", "state", "due", "sent late by", "waited in queue", "ran")
    rows = [
        (one.name, one.state, f"{one.due.astimezone(zone):%m-%d %H:%M:%S}", *(_words(part) for part in parts))
        for one, parts in zip(bars, spans, strict=True)
    ]
    if not bars:
        return figure(caption, (), (_WIDE, 1), head, rows)
    first = min(one.due for one in bars).timestamp()
    last = max(
        one.due.timestamp() + sum(part.total_seconds() for part in parts)
        for one, parts in zip(bars, spans, strict=True)
    )
    scale = (_WIDE - _LEFT - 10) / ((last - first) or 1)
    drawing, high = list[Markup](), _TOP + _ROW * len(bars)
    for tick in range(_TICKS + 1):
        moment = first + (last - first) * tick / _TICKS
        at = _LEFT + (moment - first) * scale
        drawing.append(element("line", x1=at, x2=at, y1=_TOP - 4, y2=high, class_="axis"))
        text = f"{datetime.fromtimestamp(moment, zone):%H:%M:%S}"
        anchor = "start" if tick == 0 else "end" if tick == _TICKS else "middle"
        drawing.append(element("text", text, x=at, y=12, text_anchor=anchor))
    for row, (one, parts) in enumerate(zip(bars, spans, strict=True)):
        drawing.append(_row(one, parts, _TOP + row * _ROW, first, scale))
    shapes = legend(
        ("late", "sent late"), ("wait", "waited in queue"), ("f-ok", "ran"), ("f-bad", "ran and failed")
    )
    return figure(caption, drawing, (_WIDE, high), head, rows, legend=shapes)


def _row(one: RunBar, parts: Sequence[timedelta], top: float, first: float, scale: float) -> Markup:
    name = one.name if len(one.name) <= _LETTERS else f"{one.name[:_LETTERS]}…"
    drawn = [element("text", name, x=0, y=top + 14, class_="name")]
    at = _LEFT + (one.due.timestamp() - first) * scale
    for part, kind in zip(parts, ("late", "wait", f"f-{kind_of(one.state)}"), strict=True):
        wide = part.total_seconds() * scale
        if part or kind.startswith("f-"):
            high, lower = (12, 4) if kind.startswith("f-") else (6, 7)
            drawn.append(
                element("rect", x=at, y=top + lower, width=max(wide, 2.0), height=high, rx=2, class_=kind)
            )
        at += wide
    said = f"{one.name}: {one.state}"
    return element("a", element("title", said), *drawn, href=one.href, aria_label=said)


def _words(part: timedelta) -> str:
    return span_ms(part / timedelta(milliseconds=1)) if part else ""
