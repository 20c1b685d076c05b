"""YAML in which every value means what it says, as in JSON.

Only `null`, `true`, `false` and numbers that JSON has are other than text: `09:00`, `2026-12-24` and the key
`on` are text. YAML's versions differ on others (`yes`, `off`, `0777`, `1_000`, `.inf`), so these are refused.
"""

import json
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Final

import yaml

from mission_control.model.problems.messages import shown
from mission_control.model.problems.suggestions import quoted

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS: Final = {
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_AMBIGUOUS: Final = re.compile(
    r"y|n|yes|no|on|off|[-+]?(\.inf|\.nan)|[-+]?0[0-9_]+|[-+]?0[xob][0-9a-f_]+"
    r"|[-+]?[0-9][0-9_]*_[0-9_.]*|[+][0-9.]+([e][-+]?[0-9]+)?|[-+]?(\.[0-9]+|[0-9]+\.)",
    re.IGNORECASE,
)
_MOST_LEVELS: Final = 200
_TAG: Final = "tag:yaml.org,2002:"


def parse_yaml(text: str) -> Any:  # noqa: ANN401  # whatever it holds
    """Return what a YAML text holds, as JSON would have it.

    Raises:
        ValueError: it is not YAML; or has a key twice, a value that YAML's versions read differently, an
            alias, a tag, or several documents. The message names line and column.
        RecursionError: it is nested very deeply.
    """
    found: list[Any] = []
    try:
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                found.append(_value(event, events, 0))
            if len(found) > 1:
                raise _fault(event, "another document begins; a file holds one")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"{_place(mark)}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    return found[0] if found else None


def dump_yaml(value: Any) -> str:  # noqa: ANN401  # a JSON value
    """Return a JSON value as YAML that `parse_yaml`, and every other reader, reads as the same value."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # no stubs
    """Writes text that could be read as something else in quotes, and each value in full."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    is_other = text in _WORDS or _NUMBER.fullmatch(text) or _AMBIGUOUS.fullmatch(text)
    is_plain = text.isprintable() and not is_other
    return dumper.represent_scalar(f"{_TAG}str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _text)


def _value(event: yaml.Event, events: Iterator[yaml.Event], level: int) -> Any:  # noqa: ANN401
    # PyYAML's own way from events to values crashes the process where lists are nested very deeply.
    if level > _MOST_LEVELS:
        raise RecursionError
    if isinstance(event, yaml.AliasEvent):
        raise _fault(event, "an alias repeats a part of the file; write that part out")
    if event.tag is not None:
        raise _fault(event, f"the tag {quoted(event.tag)} has no meaning here; leave it out")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, level)
    return [_value(one, events, level + 1) for one in _until(yaml.SequenceEndEvent, events)]


def _until(end: type[yaml.Event], events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    return takewhile(lambda event: not isinstance(event, end), events)


def _mapping(events: Iterator[yaml.Event], level: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in _until(yaml.MappingEndEvent, events):
        if not isinstance(key, yaml.ScalarEvent):
            raise _fault(key, "a key is text; this one is a list, an object or an alias")
        if key.value in found:
            raise _fault(key, f"an object has the key {shown(key.value)} twice; keep one of them")
        if key.value == "<<" and not key.style:
            raise _fault(key, "a merge repeats a part of the file; write that part out")
        found[key.value] = _value(next(events), events, level + 1)
    return found


def _scalar(event: yaml.ScalarEvent) -> Any:  # noqa: ANN401
    text = event.value
    if event.style:  # in quotes, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        from mission_control.files.json_file import strict_json

        return strict_json(text)
    if _AMBIGUOUS.fullmatch(text):
        raise _fault(event, f"{quoted(text)} means different things in versions of YAML; {_remedy(text)}")
    return text


def _remedy(text: str) -> str:
    return f"write {json.dumps(text)} for text, or true, false, null or a number as in JSON"


def _fault(event: yaml.Event, problem: str) -> ValueError:
    return ValueError(f"{_place(event.start_mark)}{problem}")


def _place(mark: yaml.Mark | None) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
