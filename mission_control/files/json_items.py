"""Reading a large JSON file of tasks, of which only the text is held in memory."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from mission_control.files.json_file import STRICT, parse_json, strict_json

_READ_AT_ONCE: Final = 256 * 1024
_BETWEEN: Final = re.compile(r"[ \t\r\n,]*")


class _File(msgspec.Struct):
    tasks: msgspec.Raw


class JsonItems:
    """The items of the list that begins at `begin` in a valid JSON file; parsed as they are asked for."""

    def __init__(self, content: bytes, source: Path, begin: int) -> None:
        self._content = content
        self._source = source
        self._begin = begin

    def __iter__(self) -> Iterator[Any]:
        """Yield the items as `parse_json` parses them.

        Raises:
            TaskFileError: one has a key twice, for example; says where in the file the fault is.
        """
        try:
            yield from self._items()
        except (ValueError, RecursionError):
            parse_json(self._content, self._source)
            raise

    def _items(self) -> Iterator[Any]:
        decode, text = getincrementaldecoder("utf-8")().decode, ""
        for begin in range(self._begin + 1, len(self._content), _READ_AT_ONCE):
            text += decode(self._content[begin : begin + _READ_AT_ONCE])
            at = _BETWEEN.match(text).end()  # type: ignore[union-attr]  # it always matches
            while at < len(text) and text[at] != "]":
                try:
                    item, end = STRICT.raw_decode(text, at)
                except json.JSONDecodeError:
                    break  # it goes on in the next part
                if (end := _BETWEEN.match(text, end).end()) == len(text):  # type: ignore[union-attr]
                    break  # a number may
                yield item
                at = end
            if text[at : at + 1] == "]":
                return
            text = text[at:]
        raise ValueError("the list has no end")


def parse_json_with_items(content: bytes, source: Path) -> Any:  # noqa: ANN401  # whatever the file holds
    """Return what a JSON file holds, as `parse_json` does, its tasks as `JsonItems` where possible."""
    try:
        if content[:80].lstrip()[:1] == b"[":
            msgspec.json.decode(content, type=msgspec.Raw)  # it is valid
            return JsonItems(content, source, content.index(b"["))
        tasks = msgspec.json.decode(content, type=_File).tasks
        begin = content.index(tasks)
        rest = strict_json((content[:begin] + b"[]" + content[begin + len(memoryview(tasks)) :]).decode())
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return parse_json(content, source)
    is_list = content[begin : begin + 1] == b"[" and rest["tasks"] == []
    return {**rest, "tasks": JsonItems(content, source, begin)} if is_list else parse_json(content, source)
