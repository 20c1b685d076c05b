"""The options that describe a task, shared by `task add` and `task update`, and what they make together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.model.problems.suggestions import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIELDS: Final = {
    "name": ("name",),
    "description": ("description",),
    "schedule": ("schedule",),
    "handler": ("handler",),
    "params": ("params",),
    "retries": ("retry_policy", "max_retries"),
    "retry_delay": ("retry_policy", "retry_delay_seconds"),
    "backoff": ("retry_policy", "backoff"),
    "time_limit": ("timeout_seconds",),
    "queue": ("queue",),
    "priority": ("priority",),
    "tags": ("tags",),
}
_OPTIONS: Final = (
    click.option("--name", help="A name for people."),
    click.option("--description", help="What it is for."),
    click.option(
        "--schedule",
        type=parameters.SCHEDULE,
        metavar="JSON",
        help=f"When it runs, such as {parameters.EXAMPLES['schedule']}.",
    ),
    click.option("--handler", metavar="PATH", help="What it runs, such as handlers.hello.run."),
    click.option(
        "--params",
        type=parameters.PARAMS,
        metavar="JSON",
        help=f"What the handler gets: {parameters.EXAMPLES['params']}.",
    ),
    click.option("--retries", type=int, metavar="N", help="How often a failed run is tried again."),
    click.option("--retry-delay", type=float, metavar="SECONDS", help="How long to wait before a retry."),
    click.option("--backoff", metavar="fixed|exponential", help="How the delay grows from retry to retry."),
    click.option("--time-limit", type=float, metavar="SECONDS", help="How long one attempt may take."),
    click.option("--queue", help="The queue of the workers that are to run it."),
    click.option("--priority", type=int, metavar="0-9", help="0 is first."),
    click.option("--tag", "tags", multiple=True, help="A label; may be given several times."),
)


def definition_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that describe a task."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def fields_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a definition that the given options name.

    >>> fields_of({"name": None, "retries": 0, "tags": ()})
    {'retry_policy': {'max_retries': 0}}
    """
    found: dict[str, Any] = {}
    for option, path in _FIELDS.items():
        value = options.get(option)
        if value is not None and value != ():
            put(found, path, list(value) if isinstance(value, tuple) else value)
    return found


def put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:  # noqa: ANN401  # a JSON value
    """Set the value at `path`, making objects on the way.

    >>> task = {"retry_policy": {"jitter": True}}
    >>> put(task, ("retry_policy", "max_retries"), 5)
    >>> task
    {'retry_policy': {'jitter': True, 'max_retries': 5}}
    """
    for name in path[:-1]:
        inner = target.get(name)
        target[name] = inner = inner if isinstance(inner, dict) else {}
        target = inner
    target[path[-1]] = value


def parse_setting(text: str) -> tuple[tuple[str, ...], Any]:
    """Return path and value of a `key=JSON`; the key may have dots.

    Raises:
        click.UsageError: it is written otherwise.

    >>> parse_setting("retry_policy.max_retries=5")
    (('retry_policy', 'max_retries'), 5)
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise click.UsageError(f"--set: {quoted(text)} is not key=JSON; write for example --set priority=3")
    try:
        return tuple(key.strip().split(".")), json.loads(value)
    except (ValueError, RecursionError) as error:
        hint = f"""text is written in quotes: --set '{key}="{value}"'"""
        raise click.UsageError(f"--set {key}: {quoted(value)} is not JSON; {hint}") from error
