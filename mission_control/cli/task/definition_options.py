"""The options that describe a task, for `task add` and `task update`."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.model.problems.suggestions import quoted

# Each option, with the path of its value in a definition.
_OPTIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "--name": ("name", {"help": "A readable name."}),
    "--description": ("description", {"help": "The task's purpose."}),
    "--schedule": (
        "schedule",
        {
            "type": parameters.SCHEDULE,
            "metavar": "JSON",
            "help": f"When it runs: {parameters.EXAMPLES['schedule']}.",
        },
    ),
    "--handler": ("handler", {"metavar": "PATH", "help": "The handler it runs, such as handlers.hello.run."}),
    "--params": (
        "params",
        {
            "type": parameters.PARAMS,
            "metavar": "JSON",
            "help": f"Input of the handler: {parameters.EXAMPLES['params']}.",
        },
    ),
    "--retries": (
        "retry_policy.max_retries",
        {"type": int, "metavar": "N", "help": "How many times a failed run is retried."},
    ),
    "--retry-delay": (
        "retry_policy.retry_delay_seconds",
        {"type": float, "metavar": "SECONDS", "help": "Delay before a retry."},
    ),
    "--backoff": (
        "retry_policy.backoff",
        {"metavar": "fixed|exponential", "help": "How the delay grows with each retry."},
    ),
    "--time-limit": (
        "timeout_seconds",
        {"type": float, "metavar": "SECONDS", "help": "Longest time one attempt may take."},
    ),
    "--queue": ("queue", {"help": "The queue for its runs."}),
    "--priority": ("priority", {"type": int, "metavar": "0-9", "help": "Priority in the queue; 0 is first."}),
    "--tag": ("tags", {"multiple": True, "help": "A label; repeatable."}),
}


def definition_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a task to a command."""
    for flag, (_, how) in reversed(_OPTIONS.items()):
        command = click.option(flag, **how)(command)
    return command


def fields_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a definition that the options set.

    >>> fields_of({"name": None, "retries": 0, "tag": ()})
    {'retry_policy': {'max_retries': 0}}
    """
    found: dict[str, Any] = {}
    for flag, (path, _) in _OPTIONS.items():
        value = options.get(flag.removeprefix("--").replace("-", "_"))
        if value is not None and value != ():
            put(found, tuple(path.split(".")), list(value) if isinstance(value, tuple) else value)
    return found


def put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:  # noqa: ANN401  # a JSON value
    """Set the value at `path`, creating objects on the way.

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
    """Return the path and value of a `key=JSON`; the key may have dots.

    Raises:
        click.UsageError: it is not `key=JSON`.

    >>> parse_setting("retry_policy.max_retries=5")
    (('retry_policy', 'max_retries'), 5)
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise click.UsageError(f"--set: {quoted(text)} is not key=JSON; write for example --set priority=3")
    try:
        return tuple(key.strip().split(".")), json.loads(value)
    except (ValueError, RecursionError) as error:
        hint = f"""quote text: --set '{key}="{value}"'"""
        raise click.UsageError(f"--set {key}: {quoted(value)} is not JSON; {hint}") from error
