"""Names of weekdays and months, and lists and numbers in words."""

from collections.abc import Sequence

from mission_control.model.problems.suggestions import did_you_mean, quoted

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = "january february march april may june july august september october november december"
MONTHS = tuple(_MONTHS.split())
_SHORT = 3
_ONE_DAY_IN_ENGLISH = 1


def weekday_number(name: str) -> int:
    """Return 0 for Monday up to 6 for Sunday; the name may be long or short, in any case.

    Raises:
        ValueError: there is no such day.

    >>> weekday_number("Fri")
    4
    """
    return _index(name, WEEKDAYS, 'a day of the week; write "monday" or "mon"')


def month_number(name: str) -> int:
    """Return 1 for January up to 12 for December; the name may be long or short, in any case.

    Raises:
        ValueError: there is no such month.

    >>> month_number("feb")
    2
    """
    return 1 + _index(name, MONTHS, 'a month; write 1 to 12, or "january" or "jan"')


def _index(name: str, names: tuple[str, ...], wanted: str) -> int:
    folded = name.casefold()
    for index, known in enumerate(names):
        if folded in {known, known[:_SHORT]}:
            return index
    raise ValueError(f"{quoted(name)} is not {wanted}{did_you_mean(name, names)}")


def in_words(items: Sequence[str], last: str = "and") -> str:
    """Return a list as English writes it.

    >>> in_words(["Monday", "Wednesday", "Friday"])
    'Monday, Wednesday and Friday'
    """
    if len(items) <= _ONE_DAY_IN_ENGLISH:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def ordinal(number: int) -> str:
    """Return a number's place in a row.

    >>> ordinal(1), ordinal(12), ordinal(23)
    ('1st', '12th', '23rd')
    """
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
