"""The ids of tasks and of runs."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import count
from typing import Final

from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.instants import format_instant
from mission_control.model.values.printable_text import is_visible

TASK_ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
LONGEST_TASK_ID = 128
LONGEST_NAME: Final = 255
"""For ids of runs, and the names of what is no task."""

LONGEST_ENTRY_NAME: Final = LONGEST_NAME - len("@20251016T090000.000000Z")
"""For names of RedBeat entries: with the time of an occurrence it is the id of a run."""

_SEPARATOR = "@"
_NAMED: Final = 5
_KEYS_OF_KOMBU: Final = frozenset({"unacked", "unacked_index", "unacked_mutex"})
_PLAIN = "plain:"
_RULE = 'use letters, digits, "_", "." and "-", and begin with a letter or digit'
CUT: Final = "…"
_TYPED: Final = "..."


def task_id_problem(value: str) -> str | None:
    """Return what is wrong with a task's id, or None.

    >>> task_id_problem("daily_briefing_9am") is None
    True
    >>> print(task_id_problem("reports/daily").partition("; ")[0])
    'reports/daily' is not an id: it has "/"
    """
    if not value:
        return f"the id is empty; {_RULE}"
    if len(value) > LONGEST_TASK_ID:
        return (
            f"{quoted(value)} is too long for an id: {len(value)} characters; use at most {LONGEST_TASK_ID}"
        )
    if TASK_ID_PATTERN.fullmatch(value):
        return None
    return f"{quoted(value)} is not an id: {_fault(value)}; {_RULE}{_suggestion(value)}"


def queue_name_problem(value: str) -> str | None:
    """Return what is wrong with a queue's name, or None.

    Kombu keeps the messages of a queue in a key of its name, next to other keys.

    >>> queue_name_problem("unacked")
    "'unacked' is a key of Celery; give the queue another name"
    """
    if is_key_of_kombu(value):
        return f"{quoted(value)} is a key of Celery; give the queue another name"
    if TASK_ID_PATTERN.fullmatch(value):
        return None
    return f'{quoted(value)} is not a queue\'s name; use up to 128 letters, digits, "_", "." and "-"'


def is_key_of_kombu(queue: str) -> bool:
    """Whether the name of a queue is that of a key in which kombu keeps something else."""
    return queue in _KEYS_OF_KOMBU or queue.startswith("_kombu.")


def known_form(value: object) -> str:
    """Return what may be a task's id as it is, and anything else as the id that no task has.

    >>> known_form("daily_briefing"), known_form(None)
    ('daily_briefing', '')
    """
    return value if isinstance(value, str) and TASK_ID_PATTERN.fullmatch(value) else ""


def name_problem(value: object, longest: int = LONGEST_NAME) -> str | None:
    r"""Return what is wrong with a run's id, or the name of what is no task, or None.

    Such a name is spelled alike in the ledger, the audit stream, a log and on a terminal.

    >>> name_problem("send weekly report@20251016T090000Z") is None
    True
    >>> name_problem("a\x1b[2J")
    'has a character that cannot be shown'
    """
    if not isinstance(value, str) or not value:
        return "is missing, or is not text"
    if len(value) > longest:
        return f"has {len(value):,} characters; at most {longest} are allowed"
    return None if is_visible(value) else "has a character that cannot be shown"


def occurrence_execution_id(task_id: str, scheduled_time: datetime) -> str:
    """Return the id of the run of one occurrence; the same occurrence always has the same id.

    A fraction of a second is written only where there is one.

    >>> from datetime import UTC, datetime
    >>> occurrence_execution_id("daily_briefing_9am", datetime(2025, 10, 16, 9, tzinfo=UTC))
    'daily_briefing_9am@20251016T090000Z'
    """
    return f"{task_id}{_SEPARATOR}{re.sub('[-:]', '', format_instant(scheduled_time))}"


def manual_execution_id(task_id: str, ulid: str) -> str:
    """Return the id of a run that was started by hand; `ulid` makes it unique and sortable.

    >>> manual_execution_id("daily_briefing_9am", "01K7PHQ5T0ZJ3G5K1M9QX2R4S6")
    'daily_briefing_9am@manual-01K7PHQ5T0ZJ3G5K1M9QX2R4S6'
    """
    return f"{task_id}{_SEPARATOR}manual-{ulid}"


def backfill_execution_ids(task_id: str, scheduled_time: datetime) -> Iterator[str]:
    """Yield the ids for runs of one occurrence by backfills: that of the live run, then more without end.

    >>> from datetime import UTC, datetime
    >>> from itertools import islice
    >>> list(islice(backfill_execution_ids("tea", datetime(2026, 3, 1, 9, tzinfo=UTC)), 3))
    ['tea@20260301T090000Z', 'tea@backfill-20260301T090000Z', 'tea@backfill-20260301T090000Z-2']
    """
    live = occurrence_execution_id(task_id, scheduled_time)
    again = live.replace(_SEPARATOR, f"{_SEPARATOR}backfill-")
    yield live
    yield again
    for number in count(2):
        yield f"{again}-{number}"


def downstream_execution_id(task_id: str, root: str) -> str:
    """Return the id of the run of a task that comes after others; `root` is the run that all began with.

    >>> downstream_execution_id("report", "extract@20251016T090000Z")
    'report@after-20251016T090000Z'
    """
    return f"{task_id}{_SEPARATOR}after-{root.rpartition(_SEPARATOR)[2]}"


def task_of_run(execution_id: str) -> str:
    """Return the id of the task that a run is of.

    >>> task_of_run("report@after-20251016T090000Z")
    'report'
    """
    return execution_id.rpartition(_SEPARATOR)[0]


def plain_execution_id(celery_id: str) -> str:
    """Return the id of the run of a plain Celery client's message; it is that of no task's run.

    >>> plain_execution_id("daily_briefing_9am@20251016T090000Z")
    'plain:daily_briefing_9am@20251016T090000Z'
    """
    return f"{_PLAIN}{celery_id}"


def is_plain(execution_id: str) -> bool:
    """Whether a run is that of a plain client's message: no id of a task has a colon."""
    return execution_id.startswith(_PLAIN)


def _fault(value: str) -> str:
    wrong = re.search(r"[^A-Za-z0-9_.-]", value)
    if wrong is None:
        return f'it begins with "{value[0]}"'
    names = {" ": "a space", "\n": "a line break", "\t": "a tab"}
    character = wrong.group()
    return f"it has {names.get(character, chr(34) + ascii(character)[1:-1] + chr(34))}"


def _suggestion(value: str) -> str:
    candidate = re.sub(r"[^A-Za-z0-9_.-]+", "_", value).strip("_.-")
    return f'; did you mean "{candidate}"?' if TASK_ID_PATTERN.fullmatch(candidate) else ""


def is_cut(text: str) -> bool:
    """Return whether a text says that it is only the beginning of an id, or of its part before the `@`.

    >>> is_cut("repo…"), is_cut("repo...@2026"), is_cut("repo")
    (True, True, False)
    """
    return any(part.endswith((CUT, _TYPED)) for part in text.split("@"))


def parts_of(text: str) -> tuple[str, ...]:
    """Return what an id begins with: before the `@`, and after it if there is one.

    >>> parts_of("repo…@2026"), parts_of("repo...")
    (('repo', '2026'), ('repo',))
    """
    return tuple(part.removesuffix(CUT).removesuffix(_TYPED) for part in text.split("@", 1))


def begun_with(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that begin as `text` says, sorted; what is whole in it is preferred to a beginning.

    >>> begun_with("rep…@2026", ["reports@20260301", "repairs@20260301", "reports@2027"])
    ['repairs@20260301', 'reports@20260301']
    >>> begun_with("tea", ["tea", "teapot"]), begun_with("…", ["tea"])
    (['tea'], [])
    """
    wanted, whole = parts_of(text), text.partition("@")[0]
    found = sorted(name for name in names if wanted[0] and _begins(name.split("@", 1), wanted))
    return [name for name in found if name.partition("@")[0] == whole] or found


def whole_name(
    text: str, names: Iterable[str], kind: str, unknown: Callable[[str], Exception], *, changes: bool = False
) -> str:
    """Return the name that a text stands for: itself, or the only one that begins with it.

    What `changes` things takes a beginning only if it says that it is one, as tables write it: `reports-ni…`,
    or with three dots. So a script never changes another thing than the one that it names. If several begin
    with it, the error made by `unknown` names them; `kind` is their noun in the plural.
    """
    if changes and not is_cut(text):
        return text
    found = begun_with(text, names)
    if len(found) > 1:
        named = ", ".join(found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
        raise unknown(f"{len(found)} {kind} begin with {quoted(text)}: {named}; write more of the id")
    return found[0] if found else text


def _begins(parts: list[str], wanted: tuple[str, ...]) -> bool:
    return len(parts) >= len(wanted) and all(map(str.startswith, parts, wanted))
