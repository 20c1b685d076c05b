from __future__ import annotations

from workers.briefings.markdown import LONGEST_LINE, at_most, code, plain, section, table


def test_text_of_others_stays_one_bounded_line() -> None:
    assert plain("a\n\n# b") == "a # b"
    assert len(code("x" * 10_000)) == LONGEST_LINE + 2


def test_code_cannot_be_broken_out_of() -> None:
    assert code("`rm` `x`") == "`'rm' 'x'`"


def test_what_would_be_empty_stays_away() -> None:
    assert section("Failed", []) == []
    assert table(["Task", "Runs"], []) == []


def test_a_long_list_says_how_much_is_left_out() -> None:
    assert at_most(["- 1", "- 2"], 2) == ["- 1", "- 2"]
    assert at_most(["- 1", "- 2", "- 3", "- 4"], 2) == ["- 1", "- 2", "- … and 2 more"]
