"""What a message says: a title, and a line for each task that it is about."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from mission_control.audit.record.masking import clean_text
from mission_control.model.policies.incidents import Incident, News, NewsGroup
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import counted

MOST_NAMED: Final = 100
_MOST_OF_A_TITLE: Final = 150
_MOST_OF_AN_ERROR: Final = 500
_MOST_TEXT: Final = 9_000
_VERBS: Final = {
    ("failure", News.NEW): ("fails", "fail"),
    ("failure", News.CHANGED): ("fails for another reason", "fail for another reason"),
    ("failure", News.REMINDED): ("still fails", "still fail"),
    ("skipped", News.REMINDED): ("is still skipped", "are still skipped"),
    ("skipped", News.RECOVERED): ("is no longer skipped", "are no longer skipped"),
    ("missed", News.REMINDED): (
        "has not run since it missed its time",
        "have not run since they missed their time",
    ),
    ("late", News.NEW): ("is late", "are late"),
    ("late", News.CHANGED): ("is late in another way", "are late in another way"),
    ("late", News.RECOVERED): ("has succeeded since it was late", "have succeeded since they were late"),
    ("late", News.REMINDED): (
        "has not succeeded since it was late",
        "have not succeeded since they were late",
    ),
    "skipped": ("is skipped again and again", "are skipped again and again"),
    "missed": ("missed its time", "missed their time"),
    ("idle", News.REMINDED): (
        "is still kept idle by its condition",
        "are still kept idle by their conditions",
    ),
    ("idle", News.RECOVERED): ("is no longer kept idle", "are no longer kept idle"),
    "idle": ("is kept idle by its condition", "are kept idle by their conditions"),
    "success": ("succeeded", "succeeded"),
    "paused": ("is paused or resumed", "are paused or resumed"),
    "budget": ("uses a budget", "use a budget"),
}
_RECOVERED: Final = ("works again", "work again")


class Message(NamedTuple):
    """A message to some channels; text of handlers in it is masked and bounded."""

    to: tuple[str, ...]
    title: str
    text: str


def message_of(group: NewsGroup) -> Message:
    """Return the message about a group of incidents."""
    reported = list(zip(group.incidents, group.news, strict=True))
    first, news = reported[0]
    verbs = {_verb(one, what) for one, what in reported}
    who = first.task if len(reported) == 1 else counted(len(reported), "task")
    title = f"{who}: {counted(len(verbs), 'kind')} of news"
    if len(verbs) == 1:
        title = f"{who} {verbs.pop()[len(reported) > 1]}"
    if len({one.cause for one, _ in reported}) == 1 and news is not News.RECOVERED and first.text:
        title = f"{title}: {' '.join(first.text.split())}"
    lines = [_line(one, what) for one, what in reported[:MOST_NAMED]]
    if len(reported) > MOST_NAMED:
        lines.append(f"… and {counted(len(reported) - MOST_NAMED, 'further task')}")
    return Message(group.to, clean_text(title, _MOST_OF_A_TITLE), _bounded(lines))


def _verb(one: Incident, news: News) -> tuple[str, str]:
    default = _RECOVERED if news is News.RECOVERED else _VERBS.get(one.event, _VERBS["failure", News.NEW])
    return _VERBS.get((one.event, news), default)


def _line(one: Incident, news: News) -> str:
    verb = _verb(one, news)[0]
    parts = [f"{one.task} {verb}, since {format_instant(one.since)}"]
    if one.count > 1:
        parts.append(f"{one.count:,} times")
    if one.run:
        parts.append(f"last {one.run}")
    if one.is_over and news is not News.RECOVERED:
        parts.append("and works again")
    said = "" if news is News.RECOVERED or not one.text else f"\n  {clean_text(one.text, _MOST_OF_AN_ERROR)}"
    return ", ".join(parts) + said


def _bounded(lines: Sequence[str]) -> str:
    kept, size = list[str](), 0
    for at, line in enumerate(lines):
        size += len(line) + 1
        if size > _MOST_TEXT:
            return "\n".join([*kept, f"… {counted(len(lines) - at, 'further line')}"])
        kept.append(line)
    return "\n".join(kept)
