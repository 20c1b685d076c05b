"""The paths of handlers: `handlers.<module>.<function>`.

Only the syntax is checked here. The catalogue of handlers knows which exist; nothing is ever imported
because a definition names it.
"""

import re
from keyword import iskeyword

from mission_control.model.problems.suggestions import quoted

EXAMPLE_HANDLER_PATH = "handlers.daily_briefing.run"
_PREFIX = "handlers"
_LONGEST_PATH = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def handler_path_problem(value: str) -> str | None:
    """Return what is wrong with the syntax of a handler's path, or None.

    >>> handler_path_problem("handlers.daily_briefing.run") is None
    True
    >>> print(handler_path_problem("daily_briefing.run").rpartition("; ")[2])
    did you mean "handlers.daily_briefing.run"?
    """
    if len(value) <= _LONGEST_PATH and _is_path(value):
        return None
    candidate = next((guess for guess in _guesses(value[:_LONGEST_PATH]) if _is_path(guess)), None)
    remedy = (
        f'did you mean "{candidate}"?'
        if candidate is not None
        else f"for example {EXAMPLE_HANDLER_PATH}, with no path separators and no leading underscores"
    )
    return f"{quoted(value)} is not a handler path; write handlers.<module>.<function>; {remedy}"


def is_handler_name(name: str) -> bool:
    """Return whether a module or function of this name can be part of a handler's path.

    >>> is_handler_name("_private"), is_handler_name("daily_briefing")
    (False, True)
    """
    return bool(_NAME.fullmatch(name)) and not iskeyword(name)


def _is_path(value: str) -> bool:
    parts = value.split(".")
    return len(parts) == 3 and parts[0] == _PREFIX and all(map(is_handler_name, parts[1:]))  # noqa: PLR2004


def _guesses(value: str) -> tuple[str, str]:
    dotted = value.strip().removesuffix(".py").replace("/", ".").replace(":", ".")
    inside = dotted.removeprefix("workers.").removeprefix(f"{_PREFIX}.")
    return (f"{_PREFIX}.{inside}", f"{_PREFIX}.{inside}.run")
