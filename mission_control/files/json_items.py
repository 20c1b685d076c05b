"""Reading a large JSON file of tasks, of which only the text is held in memory."""

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

import msgspec

from mission_control.files.json_file import parse_json, strict_json


class _File(msgspec.Struct):
    tasks: msgspec.Raw


class JsonItems(Sequence[Any]):
    """The items of a list in a JSON file; each is parsed when it is asked for, as `parse_json` does it."""

    def __init__(self, content: bytes, source: Path, begin: int, items: Iterable[msgspec.Raw]) -> None:
        self._content = content
        self._source = source
        self._begins = array("Q")
        self._ends = array("Q")
        for item in items:
            begin = content.index(item, begin)
            self._begins.append(begin)
            begin += len(memoryview(item))
            self._ends.append(begin)

    def __len__(self) -> int:
        return len(self._begins)

    @overload
    def __getitem__(self, at: int) -> Any: ...  # noqa: ANN401  # whatever the file holds

    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        try:
            return strict_json(self._content[self._begins[at] : self._ends[at]].decode())
        except (ValueError, RecursionError):
            parse_json(self._content, self._source)  # says where in the file the fault is
            raise


def parse_json_with_items(content: bytes, source: Path) -> Any:  # noqa: ANN401  # whatever the file holds
    """Return what a JSON file holds, as `parse_json` does, its tasks as `JsonItems` where possible."""
    try:
        if content[:80].lstrip()[:1] == b"[":
            begin, tasks, rest = 0, content, None
        else:
            tasks = msgspec.json.decode(content, type=_File).tasks
            begin = content.index(tasks)
            rest = strict_json((content[:begin] + b"[]" + content[begin + len(memoryview(tasks)) :]).decode())
        items = JsonItems(content, source, begin + 1, msgspec.json.decode(tasks, type=list[msgspec.Raw]))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return parse_json(content, source)
    if rest is None:
        return items
    return {**rest, "tasks": items} if rest["tasks"] == [] else parse_json(content, source)
