"""Turns what a view has read into HTML: the whole page, or the part of it that is live."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from itertools import chain
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from redis import RedisError

from mission_control.errors import MissionControlError
from mission_control.model.filters.completion import written
from mission_control.model.values.instants import from_unix, parse_instant
from mission_control.model.values.printable_text import escaped
from mission_control.model.values.quantities import counted, duration, span_ms
from mission_control.store.connection import store_errors
from mission_control.web.pages.signals import NO_TROUBLE, Signal
from mission_control.web.pages.states import kind_of
from mission_control.web.pages.visit import View, Visit
from mission_control.web.paths import segment
from mission_control.web.problems import status_of

_PACKAGE: Final = "mission_control.web.pages"
_MARKED: Final = re.compile(r"`([^`]+)`|\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3,6})?Z)")
_LONGEST: Final = 20_000
_FRAGMENT: Final = View("/tasks", "Tasks", "", lambda _: {}, is_live=False)


@cache
def has_htmx() -> bool:
    """Whether the script for live updates is there; it is fetched at set-up, and not part of the source."""
    vendor = files(_PACKAGE).joinpath("static/vendor")
    return all(vendor.joinpath(name).is_file() for name in ("htmx-4.min.js", "hx-sse-4.min.js"))


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kept = b"".join(
        files(_PACKAGE).joinpath(f"static/{name}").read_bytes() for name in ("page.css", "page.js")
    )
    found.globals["version"] = hashlib.sha256(kept).hexdigest()[:8]
    found.filters.update(instant=from_unix, segment=segment, asked=_asked)
    found.filters.update(
        when=_when, clock=_clock, prose=_prose, text=shown_text, span=duration, span_ms=span_ms
    )
    found.globals.update(kind_of=kind_of, counted=counted, has_htmx=has_htmx)
    return found


def _asked(value: str, field: str) -> str:
    """Return the filter of what has a value in a field, as a part of an address."""
    return quote(f"{field}:{written(value)}")


@pass_context
def _when(context: Context, moment: datetime | str | None, how: str = "") -> Markup:
    """Return a moment in the zone of the visit; `rel` or `since` say how a script counts from it."""
    if moment is None or moment == "":
        return Markup('<span class="muted">-</span>')
    at = parse_instant(moment) if isinstance(moment, str) else moment
    shown = _clock(context, at)
    attribute = Markup(' data-as="{}"').format(how) if how else ""
    return Markup('<time datetime="{}"{}>{}</time>').format(at.isoformat(), attribute, shown)


@pass_context
def _clock(context: Context, moment: datetime) -> str:
    zone: ZoneInfo = context["visit"].zone
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


@pass_context
def _prose(context: Context, text: object) -> Markup:
    """Return a sentence of ours: what stands in backticks as code, instants in the zone of the visit."""
    return Markup("").join(_parts(context, shown_text(text)))


def _parts(context: Context, text: str) -> list[Markup]:
    if text.startswith("mission-control "):
        return [Markup("<code>{}</code>").format(text)]
    parts, at = list[Markup](), 0
    for found in _MARKED.finditer(text):
        parts.append(escape(text[at : found.start()]))
        at = found.end()
        try:
            code = Markup("<code>{}</code>").format(found[1])
            parts.append(code if found[1] else _when(context, found[2]))
        except ValueError:  # someone's reason may look like an instant
            parts.append(escape(found[0]))
    return [*parts, escape(text[at:])]


def shown_text(value: object) -> str:
    """Return any value as text of bounded length in which each character can be seen."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)
    cut = f"{text[:_LONGEST]}… ({len(text):,} characters in all)" if len(text) > _LONGEST else text
    return escaped(cut, but="\n\t")


def live_part(view: View, visit: Visit) -> tuple[int, str]:
    """Return the status and the live part of a page; trouble is shown in its place."""
    try:
        with store_errors(visit.installation.redis_url):
            context = _context(view, visit, view.shown(visit))
        return 200, _block(_environment().get_template(view.template), "live", context)
    except MissionControlError as error:
        return status_of(error), _trouble(view, visit, error)
    except RedisError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, _trouble(view, visit, error)


def page(
    view: View,
    visit: Visit,
    signal: Signal,
    cookies: Mapping[str, str],
    *,
    trouble: MissionControlError | None = None,
) -> tuple[int, str]:
    """Return the status and the whole page; `trouble` is what kept a change from being made."""
    chrome: dict[str, Any] = {
        "signal": signal,
        "theme": cookies.get("mc_theme", ""),
        "said": _said(cookies),
        "error": trouble,
    }
    try:
        with store_errors(visit.installation.redis_url):
            context = {**_context(view, visit, view.shown(visit)), **chrome}
        return 200 if trouble is None else status_of(trouble), _environment().get_template(
            view.template
        ).render(context)
    except (MissionControlError, RedisError) as error:
        status = (
            status_of(error) if isinstance(error, MissionControlError) else HTTPStatus.SERVICE_UNAVAILABLE
        )
        context = {**_context(view, visit, {}), **chrome, "error": error}
        return status, _environment().get_template("trouble.html").render(context)


def _said(cookies: Mapping[str, str]) -> str:
    """Return what the last change did, which its answer left in a cookie of a few seconds."""
    try:
        return bytes.fromhex(cookies.get("mc_said", "")).decode(errors="replace")
    except ValueError:
        return ""


def band(signal: Signal) -> str:
    """Return the band over every page that says whether beat and Redis answer; nothing if both do."""
    return (
        ""
        if signal is NO_TROUBLE
        else _block(_environment().get_template("base.html"), "band", {"signal": signal})
    )


def fragment(template: str, visit: Visit, **context: object) -> str:
    """Return a small piece of a page, such as what a schedule that is being typed means."""
    chrome = {"error": None, "said": "", "signal": NO_TROUBLE, "visit": visit, "now": visit.now}
    return _environment().get_template(template).render({"view": _FRAGMENT, **chrome, **context})


def _trouble(view: View, visit: Visit, error: Exception) -> str:
    context = {**_context(view, visit, {}), "error": error}
    return _block(_environment().get_template("trouble.html"), "live", context)


def _context(view: View, visit: Visit, read: Mapping[str, Any]) -> dict[str, Any]:
    return {"view": view, "visit": visit, "now": visit.now, "error": None, **read}


def _block(template: Template, name: str, context: Mapping[str, Any]) -> str:
    return "".join(chain(template.blocks[name](template.new_context(dict(context)))))
