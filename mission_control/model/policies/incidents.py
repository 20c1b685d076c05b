"""Incidents: from the first trouble of a task to its recovery, what to report of it, and in which message."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from mission_control.model.definitions.task_parts import Notify
from mission_control.model.policies.notices import DEFAULT_NOTIFY, Notice

MOST_CAUSES: Final = 10
"""After so many different causes, a further one is no news."""

QUIET: Final = timedelta(minutes=5)
"""How long tasks that join a reported outage, or recover before others, wait for more of their kind."""

_Outage = tuple[tuple[str, ...], str, str]


class News(StrEnum):
    """What to report of an incident."""

    NEW = "new"
    CHANGED = "changed"
    REMINDED = "reminded"
    RECOVERED = "recovered"
    NOTED = "noted"  # an event that is over as soon as it is reported: a success, a pause, a budget


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The trouble of one task with one event: since when, why, how often, and what is still unreported.

    `causes` has the latest last. `unreported` holds since `unreported_since`. `is_over`: a run has succeeded
    since.
    """

    event: str
    task: str
    to: tuple[str, ...]
    since: datetime
    causes: tuple[str, ...]
    text: str = ""
    run: str = ""
    count: int = 1
    unreported: News | None = None
    unreported_since: datetime | None = None
    reported_at: datetime | None = None
    is_over: bool = False
    tells_recovery: bool = False
    remind_every: float | None = None
    digest: float | None = None

    @property
    def cause(self) -> str:
        """The latest cause."""
        return self.causes[-1]


def opened(notice: Notice, notify: Notify) -> Incident:
    """Return the incident that begins with a notice."""
    is_lasting = notice.event not in {"success", "paused", "budget"}
    return Incident(
        event=notice.event,
        task=notice.task,
        to=notify.channels,
        since=notice.at,
        causes=(notice.cause,),
        text=notice.text,
        run=notice.run,
        count=notice.count,
        unreported=News.NEW if is_lasting else News.NOTED,
        unreported_since=notice.at,
        tells_recovery="recovery" in notify.on,
        remind_every=notify.remind_every,
        digest=notify.digest,
    )


def repeated(known: Incident, notice: Notice, notify: Notify) -> Incident:
    """Return an incident after the same event once more; a cause that it has not had yet is news."""
    is_other = notice.cause not in known.causes and len(known.causes) < MOST_CAUSES
    unreported, since = known.unreported, known.unreported_since
    if unreported is News.RECOVERED:
        unreported = since = None
    if is_other and unreported is None:
        unreported, since = News.CHANGED, notice.at
    rest = tuple(one for one in known.causes if one != notice.cause)
    is_known = notice.cause in known.causes
    return msgspec.structs.replace(
        opened(notice, notify),
        since=known.since,
        causes=(*rest, notice.cause) if is_other or is_known else known.causes,
        count=known.count + notice.count,
        unreported=unreported,
        unreported_since=since,
        reported_at=known.reported_at,
    )


def recovered(known: Incident, at: datetime) -> Incident | None:
    """Return an incident after a success of its task; None if its end is not reported."""
    if known.is_over or known.unreported is News.NOTED:
        return known
    if known.reported_at is None:  # its beginning is still to be reported, with its end
        return msgspec.structs.replace(known, is_over=True)
    if not known.tells_recovery:
        return None
    return msgspec.structs.replace(known, is_over=True, unreported=News.RECOVERED, unreported_since=at)


def reported(incident: Incident, at: datetime) -> Incident | None:
    """Return an incident after its news was reported; None if that was the end of it."""
    if incident.is_over or incident.unreported is News.NOTED:
        return None
    return msgspec.structs.replace(incident, unreported=None, unreported_since=None, reported_at=at)


def news_of(incident: Incident, now: datetime) -> News | None:
    """Return what to report of an incident at `now`."""
    if incident.unreported is not None:
        return incident.unreported
    if incident.remind_every is None or incident.reported_at is None:
        return None
    is_due = (now - incident.reported_at).total_seconds() >= incident.remind_every
    return News.REMINDED if is_due else None


def after_notice(known: Mapping[str, Incident], notice: Notice) -> dict[str, Incident]:
    """Return the incidents of a task after a notice of it.

    A success ends all trouble of the task, and is an incident of its own if the task asks for it. Each pause
    is one, and each mark of a budget.
    """
    notify = DEFAULT_NOTIFY if not notice.notify else Notify.model_validate_json(notice.notify)
    found = dict(known)
    if notice.event == "success":
        ended = {key: recovered(one, notice.at) for key, one in known.items()}
        found = {key: one for key, one in ended.items() if one is not None}
        if "success" not in notify.on:
            return found
    key = key_of(notice.event, notice.cause)
    earlier = found.get(key)
    found[key] = opened(notice, notify) if earlier is None else repeated(earlier, notice, notify)
    return found


def key_of(event: str, cause: str) -> str:
    """Return what sets an incident apart from others of its task."""
    return f"{event} {cause}" if event in {"paused", "budget"} else event


class NewsGroup(NamedTuple):
    """One message: the channels, the news, and the incidents that it names."""

    to: tuple[str, ...]
    news: tuple[News, ...]
    incidents: tuple[Incident, ...]


def due_groups(incidents: Iterable[Incident], now: datetime) -> list[NewsGroup]:
    """Return what to report at `now`, each group one message.

    A group has the incidents of one cause that go to the same channels; with a digest, of all causes. The
    beginning of an outage is reported at once, tasks that join it after `QUIET`. Its end is reported when all
    its tasks have recovered, or after `QUIET`.
    """
    outages: dict[_Outage, list[Incident]] = defaultdict(list)
    unreported: dict[tuple[object, ...], list[tuple[Incident, News]]] = defaultdict(list)
    for one in incidents:
        outages[_outage(one)].append(one)
        news = news_of(one, now)
        if news is not None:
            unreported[_group(one, news)].append((one, news))
    return [
        NewsGroup(found[0][0].to, tuple(news for _, news in found), tuple(one for one, _ in found))
        for found in unreported.values()
        if _is_due(found, outages[_outage(found[0][0])], now)
    ]


def _outage(one: Incident) -> _Outage:
    return one.to, one.event, one.cause


def _group(one: Incident, news: News) -> tuple[object, ...]:
    if one.digest is not None:
        return one.to, one.digest
    kind = News.NEW if news is News.CHANGED else news
    return (*_outage(one), kind)


def _is_due(found: list[tuple[Incident, News]], outage: list[Incident], now: datetime) -> bool:
    first, news = found[0]
    oldest = min(_since(one, now) for one, _ in found)
    if first.digest is not None:
        return now - oldest >= timedelta(seconds=first.digest)
    if news is News.RECOVERED:
        return all(one.is_over for one in outage) or now - oldest >= QUIET
    if news in {News.NEW, News.CHANGED}:
        reported_at = max((one.reported_at for one in outage if one.reported_at is not None), default=None)
        return reported_at is None or now - reported_at >= QUIET
    return True


def _since(one: Incident, now: datetime) -> datetime:
    """Return since when an incident has been waiting to be reported."""
    if one.unreported_since is not None:
        return one.unreported_since
    if one.reported_at is None or one.remind_every is None:
        return now
    return one.reported_at + timedelta(seconds=one.remind_every)
