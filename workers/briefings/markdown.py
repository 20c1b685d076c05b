"""Markdown pages from templates in which foreign text is shown literally and cannot act as markup."""

from __future__ import annotations

import re
from collections.abc import Sized
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mission_control.audit.record.masking import clean_text
from mission_control.model.values.quantities import counted, duration
from workers.briefings.task_runs import reasons

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_LINE: Final = 200
_SPECIAL = re.compile(r"([\\`*\[\]<>|])")


@dataclass(frozen=True)
class Page:
    """A rendered briefing: its headline in one line, and the whole text."""

    summary: str
    text: str


def render(template: str, *, zone: ZoneInfo, **facts: object) -> Page:
    """Return the page that `templates/<template>.md.j2` makes of `facts`, with times local to `zone`.

    Guarantees: every value appears as one bounded, masked line without Markdown, HTML or control
    characters in effect; an empty section is left out.
    """
    page = _environment().get_template(f"{template}.md.j2").make_module({"zone": zone, **facts})
    text = re.sub(r"\n{3,}", "\n\n", str(page)).strip()
    return Page(str(vars(page)["summary"]), f"{text}\n")


def plain(text: object, limit: int = LONGEST_LINE) -> Markup:
    r"""Return foreign text as one bounded line in which nothing acts as Markdown or HTML.

    >>> print(plain("a <b> | c"))
    a \<b\> \| c
    """
    return Markup(_SPECIAL.sub(r"\\\1", _one_line(str(text), limit)))  # noqa: S704  # this is the escaping


def code(text: str) -> Markup:
    """Return foreign text as one bounded line of code.

    >>> print(code("KeyError: `x`"))
    `KeyError: 'x'`
    """
    return Markup(f"`{_one_line(text, LONGEST_LINE).replace('`', chr(39))}`")  # noqa: S704  # as in `plain`


@cache
def _environment() -> Environment:
    # Imported late: it takes 90 ms, and every worker loads the handlers that write briefings.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        **{one.__name__: one for one in (code, counted, long_day, plain, reasons, share, short_day)},
        "duration": duration_ms,
        "clock": pass_context(lambda context, moment: clock(moment, context["zone"])),
        "when": pass_context(lambda context, moment: day_and_clock(moment, context["zone"])),
        "item": _without_blank_lines,
        "median": lambda values: median(values) if values else None,
        "most": partial(max, default=None),
    }
    return environment


def _escaped(value: Any) -> Any:  # noqa: ANN401  # whatever a template shows
    """Escape a value for Markdown before Jinja would for HTML; `Markup` has been."""
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, Markup) else plain(value)


def _without_blank_lines(text: Markup) -> Markup:
    return Markup("\n").join(line for line in text.splitlines() if line.strip())


def _one_line(text: str, limit: int) -> str:
    line = " ".join(clean_text(text, 2 * limit).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def duration_ms(milliseconds: float | None) -> str:
    """Return a duration in words, "-" for None."""
    return "-" if milliseconds is None else duration(timedelta(milliseconds=milliseconds))


def share(part: Sized, whole: Sized) -> str:
    """Return the size of `part` as a percentage, 100 only for all of `whole` and 0 only for none.

    >>> share("a" * 999, "a" * 1000), share("a", "a" * 1000), share("aaa", "aaa"), share("", "")
    ('99%', '1%', '100%', '-')
    """
    if not len(whole):
        return "-"
    percent = round(100 * len(part) / len(whole))
    return f"{min(99, max(1, percent)) if 0 < len(part) < len(whole) else percent}%"


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return the local time of day, with seconds only if they are not zero."""
    local = moment.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def day_and_clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return day and time, for example "Thu 16 Oct 09:00"."""
    return f"{short_day(moment.astimezone(zone).date())} {clock(moment, zone)}"


def short_day(day: date) -> str:
    """Return a day for example as "Thu 16 Oct"."""
    return f"{day:%a} {day.day} {day:%b}"


def long_day(day: date) -> str:
    """Return a day for example as "Thursday, 16 October 2025"."""
    return f"{day:%A}, {day.day} {day:%B %Y}"
