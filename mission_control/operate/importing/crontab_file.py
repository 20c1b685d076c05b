"""Crontabs, as `crontab -l` prints them, or those in /etc, whose lines name a user."""

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final

from mission_control.operate.importing.imported import Entry

_VARIABLE: Final = re.compile(r"""\s*([A-Za-z_]\w*|"[^"]*"|'[^']*')\s*=\s*(.*?)\s*""")
_LINE: Final = re.compile(r"(@\S+|(?:\S+\s+){4}\S+)\s+(.+)")
_OFF: Final = re.compile(r"@\w|[\d*][\d*,/-]*\s+[\d*]")  # a line that was commented out
_PERCENT: Final = re.compile(r"(?<!\\)%")
_NOT_THE_COMMANDS: Final = {
    "MAILTO": "mail; use the task's notify",
    "MAILFROM": "mail; use the task's notify",
    "RANDOM_DELAY": "a random delay; use spread_seconds in the schedule",
}
# A cron job that overlaps runs twice, one that was missed or failed is left.
_AS_CRON_DOES: Final = {
    "overlap": "allow",
    "misfire": {"policy": "skip"},
    "retry_policy": {"max_retries": 0},
}


def crontab_entries(text: str, *, with_user: bool = False) -> Iterator[Entry]:
    """Yield the lines of a crontab: the params of each task are its command, input, environment and user.

    The comment right above a line describes it. `CRON_TZ` is the zone of the lines after it.
    """
    comment: list[str] = []
    environment: dict[str, str] = {}
    zone: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        where, stripped = f"line {number}", line.strip()
        if stripped.startswith("#"):
            words = stripped.lstrip("# ")
            comment = [] if _OFF.match(words) is not None else [*comment, words]
            continue
        if stripped and (variable := _VARIABLE.fullmatch(line)) is not None:
            name, value = variable[1].strip("\"'"), variable[2].strip("\"'")
            if name == "CRON_TZ":
                zone = value or None
            elif name in _NOT_THE_COMMANDS:
                if value:
                    yield Entry(where, name, unmappable=f"sets {_NOT_THE_COMMANDS[name]}")
            else:
                environment[name] = value
        elif stripped:
            yield _entry(
                where, stripped, " ".join(filter(None, comment)), environment, zone, with_user=with_user
            )
        comment = []


def _entry(
    where: str, line: str, comment: str, environment: dict[str, str], zone: str | None, *, with_user: bool
) -> Entry:
    found = _LINE.fullmatch(line)
    if found is None:
        return Entry(
            where, line, unmappable="is not a line of a crontab: five fields or @word, and a command"
        )
    expression, rest = found.groups()
    if expression.lower() == "@reboot":
        why = "runs when the machine starts, which is no time; start it with the system"
        return Entry(where, rest, unmappable=why)
    user, _, command = rest.partition(" ") if with_user else ("", "", rest)
    run, *lines = _PERCENT.split(
        command.strip()
    )  # cron's: the first % begins the input, others are line ends
    params: dict[str, Any] = {"command": run.replace(r"\%", "%")}
    params |= {"stdin": "\n".join(lines).replace(r"\%", "%")} if lines else {}
    params |= {"environment": dict(environment)} if environment else {}
    params |= {"user": user} if user else {}
    schedule = {"type": "cron", "expression": " ".join(expression.split())}
    schedule |= {"timezone": zone} if zone is not None else {}
    described = {"description": comment} if comment else {}
    fields = {**described, "schedule": schedule, "params": params, **_AS_CRON_DOES}
    return Entry(where, _program(params["command"]), "command", fields)


def _program(command: str) -> str:
    """Return the name of the program that a command runs.

    >>> _program("cd /srv && FOO=1 /usr/bin/backup.sh --all")
    'backup.sh'
    """
    last = re.split(r"&&|;", command)[-1] if command.startswith("cd ") else command
    try:
        words = shlex.split(last)
    except ValueError:
        words = last.split()
    return next((PurePath(one).name for one in words if "=" not in one), command)
