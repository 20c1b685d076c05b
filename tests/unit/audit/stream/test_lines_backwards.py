from __future__ import annotations

import io
import itertools

import pytest

from mission_control.audit.stream.lines import lines_backwards, lines_forwards

CONTENTS = [
    b"",
    b"\n",
    b"\n\n\n",
    b"one",
    b"one\n",
    b"one\ntwo\nthree\n",
    b"one\n\ntwo\n",
    b"a rather long line that spans many blocks\nshort\nanother rather long line at the end",
    b"\nstarts empty\n",
]


@pytest.mark.parametrize(("content", "block_bytes"), list(itertools.product(CONTENTS, [1, 2, 3, 5, 8, 1000])))
def test_reading_backwards_gives_the_lines_of_reading_forwards_in_reverse(
    content: bytes, block_bytes: int
) -> None:
    forwards = [one for one in lines_forwards(io.BytesIO(content)) if one[1]]

    assert list(lines_backwards(io.BytesIO(content), block_bytes=block_bytes)) == forwards[::-1]


@pytest.mark.parametrize("block_bytes", [1, 4, 7, 1000])
def test_search_for_a_needle_cut_by_a_block_yields_only_matching_lines(block_bytes: int) -> None:
    file = io.BytesIO(b"a needle\nnothing\nneedle needle\nneed\nle\nneedle")

    found = [line for _, line in lines_backwards(file, b"needle", block_bytes)]

    assert found == [b"needle", b"needle needle", b"a needle"]


def test_offsets_point_at_the_line() -> None:
    content = b"one\n\ntwo\nthree"

    for offset, line in lines_backwards(io.BytesIO(content), block_bytes=4):
        assert content[offset:].startswith(line)
