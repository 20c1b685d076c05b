"""Whatever is appended comes back as one line, and the chain holds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mission_control.audit.record.masking import clean_text, clean_value
from mission_control.audit.stream.chain import GENESIS, line_digest
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.stream.reader import read_all, tail

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=5) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=12,
)
# Unlike the rest of st.text, lone surrogates cannot be UTF-8: a handler may well return them.
surrogates = st.text(st.characters(categories=["Cs", "Cc", "Zl", "L"]), max_size=20)


@given(
    st.lists(st.dictionaries(st.text(max_size=8) | surrogates, anything | surrogates, max_size=4), max_size=6)
)
def test_appended_structure_becomes_one_line_of_a_valid_chain(entries: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        log = AuditLog(Path(directory) / "a.jsonl")
        for entry in entries:
            log.append({"entry": entry, **entry})
        log._writer().close()
        lines = log.path.read_bytes().split(b"\n")[:-1] if entries else []
        records = list(read_all(log.path))

    assert [record["seq"] for record in records] == list(range(1, len(entries) + 1))
    assert [record["prev"] for record in records] == [GENESIS, *map(line_digest, lines)][: len(entries)]
    assert [orjson.loads(line) for line in lines] == records


@given(st.lists(st.text(), max_size=20))
def test_appended_text_is_read_back_unchanged(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        log = AuditLog(Path(directory) / "a.jsonl")
        written = [log.append({"output": text}) for text in texts]
        log._writer().close()

        assert list(read_all(log.path)) == written
        assert tail(log.path, len(texts)) == written


@given(anything | surrogates, st.integers(10, 300))
def test_cleaned_value_is_json_within_its_bound(value: object, limit: int) -> None:
    clean = clean_value(value, limit)

    assert len(orjson.dumps(clean).decode()) <= 6 * (limit + 60)
    assert orjson.loads(orjson.dumps(clean)) == clean


@given(st.text(st.characters()) | surrogates, st.integers(10, 300))
def test_cleaned_text_contains_no_terminal_commands(text: str, limit: int) -> None:
    clean = clean_text(text, limit)

    assert all(character in "\n\t" or not is_control(character) for character in clean)


def is_control(character: str) -> bool:
    return ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 or 0xD800 <= ord(character) < 0xE000
