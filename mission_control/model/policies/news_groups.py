"""Which incidents are reported in one message, and when: an outage is reported once, whatever it stops."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mission_control.model.policies.incidents import Incident, News, news_of

QUIET: Final = timedelta(minutes=5)
"""How long tasks that join a reported outage, or recover before others, wait for more of their kind."""


class NewsGroup(NamedTuple):
    """One message: the channels, the news, and the incidents that it names."""

    to: tuple[str, ...]
    news: tuple[News, ...]
    incidents: tuple[Incident, ...]


_Outage = tuple[tuple[str, ...], str, str]


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
