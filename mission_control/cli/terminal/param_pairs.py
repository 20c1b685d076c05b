"""Params as pairs on the command line: `-p name=Ada -p count=3 -p address.city=Ulm`."""

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, Final, NoReturn

import rich_click as click

_HELP: Final = (
    "One param; repeatable. The value is JSON if it can be read as that, else text. A dot names a key inside."
)
_JSON_BEGINS: Final = ("{", "[", '"')


class ParamPair(click.ParamType[tuple[tuple[str, ...], Any]]):
    """A param as name=value: the path of its name, and its value."""

    name = "pair"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[tuple[str, ...], Any]:
        """Return the path and the value, or fail. The value is not quoted, for its secrets."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # it was converted before
        name, separator, text = value.partition("=")
        path = tuple(name.strip().split("."))
        if not separator or not all(path):
            self.fail("write NAME=VALUE, for example -p name=Ada", param, ctx)
        try:
            return path, param_value(text)
        except ValueError as error:
            self.fail(f"the value of {name}: {error}", param, ctx)


def param_value(text: str) -> Any:  # noqa: ANN401  # a JSON value
    """Return a value as JSON has it, or as text if it is not JSON.

    Raises:
        ValueError: it begins as JSON does that is no plain word, and is not JSON.

    >>> param_value("Ada"), param_value("3"), param_value("true"), param_value('"3"'), param_value("007")
    ('Ada', 3, True, '3', '007')
    """
    from mission_control.files.json_file import strict_json

    try:
        found = strict_json(text)
        json.dumps(found, allow_nan=False)  # NaN is text
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith(_JSON_BEGINS):
            raise ValueError(f"this is not JSON ({error})") from error
        return text
    return found


def with_pairs(
    params: Mapping[str, Any] | None, pairs: Iterable[tuple[tuple[str, ...], Any]]
) -> dict[str, Any] | None:
    """Return a copy of the params with the pairs in it; None if there are neither.

    Raises:
        click.UsageError: two pairs set the same value, or one inside another's.

    >>> with_pairs({"a": 1}, [(("b", "c"), 2)])
    {'a': 1, 'b': {'c': 2}}
    """
    pairs = list(pairs)
    if params is None and not pairs:
        return None
    found, seen = deepcopy(dict(params)) if params is not None else {}, set[tuple[str, ...]]()
    for path, value in pairs:
        if any(path[: len(one)] == one or one[: len(path)] == path for one in seen):
            _twice(path)
        seen.add(path)
        put(found, path, value)
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


def _twice(path: tuple[str, ...]) -> NoReturn:
    raise click.UsageError(f"-p {'.'.join(path)} is given twice; give it once")


def param_pairs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `-p` to a command, which gets its values as `pairs`."""
    return click.option("-p", "pairs", type=ParamPair(), multiple=True, metavar="NAME=VALUE", help=_HELP)(
        command
    )
