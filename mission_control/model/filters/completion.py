"""How a filter that is being written may go on, from its grammar."""

from collections.abc import Callable, Iterable

from lark import UnexpectedInput

from mission_control.model.filters.filter_fields import OPERATORS, Subject, fields_of
from mission_control.model.filters.grammar import MOST_CHARACTERS, field_before, grammar


def completions(text: str, subject: Subject, known: Callable[[str], Iterable[str]]) -> list[str]:
    """Return the whole texts by which one may go on: with a field, an operator or a value.

    `known` returns the values there are of a field such as `queue`; it is asked only if they are wanted.

    >>> completions("state:f", "run", lambda name: [])
    ['state:failed', 'state:failure']
    >>> completions("-la", "run", lambda name: [])
    ['-late<', '-late<=', '-late>', '-late>=']
    """
    if len(text) > MOST_CHARACTERS:
        return []
    begun = text[_start_of_last(text) :]
    before = text[: len(text) - len(begun)]
    expected = _expected(before)
    if "VALUE" in expected:
        field = field_before(text, len(before), subject)
        values = [] if field is None else field.values(subject)
        if field is not None and field.kind == "pattern":
            values = [*known(field.name)]
        return sorted(before + one for one in map(written, values) if one.startswith(begun))
    fields = {
        name: one for name, one in fields_of(subject).items() if "FIELD" in expected and name == one.name
    }
    return sorted(
        f"{before}{name}{how}"
        for name, one in fields.items()
        for how in OPERATORS[one.kind]
        if name.startswith(begun)
    )


def _start_of_last(text: str) -> int:
    """Return where the word or value begins that is being written."""
    cut = max(text.rfind(one) for one in (*" ,:<>=\t\n",)) + 1
    quotation = text.rfind('"')
    if text.count('"') % 2:  # a value with spaces is being written
        return quotation
    return cut + (text[cut:].startswith("-") and (not cut or text[cut - 1].isspace()))


def _expected(before: str) -> set[str]:
    """Return what the grammar accepts after a text; nothing if it does not accept the text."""
    state = grammar().parse_interactive(before)
    try:
        list(state.exhaust_lexer())
    except UnexpectedInput:
        return set()
    return {*state.accepts()}  # type: ignore[no-untyped-call]


def written(value: str) -> str:
    """Return a value as it is written in a filter."""
    if value and not any(one.isspace() or one in '",\\' for one in value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
