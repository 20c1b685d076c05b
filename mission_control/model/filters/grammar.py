"""The language of filters: `state:failed task:brief* -queue:slow late>5m error:"timed out"`, parsed."""

import re
from datetime import datetime
from functools import cache
from typing import Final, NoReturn, cast
from zoneinfo import ZoneInfo

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from mission_control.errors import InvalidFilterError
from mission_control.model.definitions.schedules.clock.wall_clock import earliest
from mission_control.model.definitions.schedules.shorthand.moments import spoken_moment
from mission_control.model.filters.filter_fields import OPERATORS, FilterField, Subject, fields_of
from mission_control.model.filters.query import Query, Term, Value
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.durations import parse_duration

MOST_CHARACTERS: Final = 4_000
"""A filter that is longer is refused before it is looked at."""

GRAMMAR: Final = r"""
query: _SPACE? (term (_SPACE term)* _SPACE?)?
term: [NOT] (FIELD OPERATOR VALUE (_COMMA VALUE)* | TEXT)

NOT: "-"
FIELD.2: /[A-Za-z_]+(?=[:<>])/
OPERATOR: /:|>=|<=|>|</
VALUE: /"(?:\\.|[^"\\])*"|[^\s",]+/
TEXT: /"(?:\\.|[^"\\])*"|[^\s"-][^\s"]*/
_COMMA: ","
_SPACE: /\s+/
"""

_WORDS: Final = {
    "NOT": "-",
    "FIELD": "a field such as state:",
    "OPERATOR": "one of : > >= < <=",
    "VALUE": "a value",
    "TEXT": "a word to look for",
    "_COMMA": "a comma and another value",
    "_SPACE": "a space",
    "$END": "the end",
}
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,15}")


@cache
def grammar() -> Lark:
    """Return the parser."""
    return Lark(GRAMMAR, parser="lalr", start="query", maybe_placeholders=True)


def parse_filter(text: str, subject: Subject, *, now: datetime, zone: ZoneInfo) -> Query:
    """Return the filter that a text describes; moments count from `now`, local times are in `zone`.

    Terms are joined by spaces, and all must hold; commas separate values of which one must do; `-` negates.

    Raises:
        InvalidFilterError: it is none; says where, and what is expected there.

    >>> utc = ZoneInfo("UTC")
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=utc)
    >>> query = parse_filter("state:failed -queue:slow", "run", now=noon, zone=utc)
    >>> str(query), query.holds({"state": ["failed"], "queue": ["quick"]})
    ('state failed, not queue slow', True)
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidFilterError(
            f"a filter has at most {MOST_CHARACTERS:,} characters, this one {len(text):,}",
            "",
            MOST_CHARACTERS,
        )
    try:
        tree = grammar().parse(text)
    except UnexpectedInput as error:
        _refuse(error, text, subject)
    reader = _Reader(text, subject, now, zone)
    return Query(subject, tuple(reader.term(one) for one in tree.children if isinstance(one, Tree)))


class _Reader:
    """Reads the terms of one filter; tells where in its text a value stands."""

    def __init__(self, text: str, subject: Subject, now: datetime, zone: ZoneInfo) -> None:
        self._text, self._subject, self._now, self._zone = text, subject, now, zone

    def term(self, tree: Tree[Token]) -> Term:
        sign, *tokens = tree.children
        is_negated = sign is not None
        fields, first = fields_of(self._subject), tokens[0]
        assert isinstance(first, Token)  # noqa: S101  # the grammar's
        if first.type == "TEXT":
            return Term(fields["text"], (_plain(first),), is_negated=is_negated)
        name = first.lower()
        field = fields.get(name)
        if field is None:
            known = ", ".join(sorted(fields))
            hint = did_you_mean(name, fields)
            self._fail(
                first, f"a {self._subject} has no field {quoted(str(first))}{hint}; fields are {known}"
            )
        how, *values = (one for one in tokens[1:] if isinstance(one, Token))
        if how not in OPERATORS[field.kind]:
            allowed = " ".join(OPERATORS[field.kind])
            self._fail(how, f"{name} is compared with {allowed} and {field.expected(self._subject)}")
        return Term(field, tuple(self._value(field, one) for one in values), str(how), is_negated, name)

    def _value(self, field: FilterField, token: Token) -> Value:
        text = _plain(token)
        if field.kind == "choice":
            known = field.values(self._subject)
            if (folded := text.casefold()) not in known:
                hint = did_you_mean(text, known)
                self._fail(
                    token, f"{quoted(text)} is no {field.name}{hint}; it is {field.expected(self._subject)}"
                )
            return folded
        try:
            if field.kind == "duration":
                return parse_duration(text)
            if field.kind == "moment":
                return earliest(spoken_moment(text, self._now, self._zone, past=True), self._zone)
        except ValueError as error:
            self._fail(token, str(error))
        if field.kind == "number":
            if not _WHOLE_NUMBER.fullmatch(text):
                self._fail(token, f"{quoted(text)} is not {field.expected(self._subject)}")
            return int(text)
        return text

    def _fail(self, token: Token, problem: str) -> NoReturn:
        raise InvalidFilterError(problem, self._text, token.start_pos or 0)


def _plain(token: Token) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else str(token)


def _refuse(error: UnexpectedInput, text: str, subject: Subject) -> NoReturn:
    """Say what was expected where the text leaves the grammar."""
    expected, position = set[str](), len(text)
    if isinstance(error, UnexpectedCharacters):
        expected, position = {*error.allowed}, cast("int", error.pos_in_stream)
    elif isinstance(error, UnexpectedToken):
        expected = {*(error.accepts or error.expected)}
        position = len(text) if error.token.type == "$END" else error.token.start_pos
    field = field_before(text, position, subject) if "VALUE" in expected else None
    found = "here it ends" if position >= len(text) else f"here is {quoted(text[position])}"
    if text[position : position + 1] == '"' and not expected.isdisjoint({"VALUE", "TEXT"}):
        problem = "this quotation mark is not closed"
    elif field is not None:
        problem = f"{found}; expected is {field.expected(subject)}"
    else:
        problem = (
            f"{found}; expected is {' or '.join(word for name, word in _WORDS.items() if name in expected)}"
        )
    raise InvalidFilterError(problem, text, position)


def field_before(text: str, position: int, subject: Subject) -> FilterField | None:
    """Return the field of the term in which a position lies, or ends."""
    found = re.search(r'(?:^|\s)-?([A-Za-z_]+)[:<>]=?(?:[^\s"]|"(?:\\.|[^"\\])*")*$', text[:position])
    return None if found is None else fields_of(subject).get(found[1].lower())
