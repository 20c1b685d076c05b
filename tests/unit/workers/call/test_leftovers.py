"""What a handler changes of its process's logging is put back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from workers.call.leftovers import put_back


@pytest.fixture
def plain() -> Iterator[logging.Logger]:
    """A logger as `getLogger` makes it."""
    logger = logging.getLogger("leftovers.plain")
    yield logger
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()


def test_logger_never_set_up_is_as_it_was_made_after_a_handler_set_it_up(plain: logging.Logger) -> None:
    with put_back():
        plain.setLevel(logging.CRITICAL)
        plain.addHandler(logging.NullHandler())
        plain.propagate = False
        plain.disabled = True
        assert not plain.isEnabledFor(logging.ERROR)

    assert (plain.level, plain.handlers, plain.propagate, plain.disabled) == (logging.NOTSET, [], True, False)
    assert plain.isEnabledFor(logging.ERROR)


def test_logger_that_was_set_up_keeps_what_it_had_after_a_handler_took_it_away(plain: logging.Logger) -> None:
    handler = logging.NullHandler()
    plain.addHandler(handler)
    plain.setLevel(logging.ERROR)

    with put_back():
        plain.removeHandler(handler)
        plain.setLevel(logging.NOTSET)

    assert (plain.level, plain.handlers) == (logging.ERROR, [handler])


def test_logger_that_a_handler_has_made_stays_as_it_set_it_up() -> None:
    with put_back():
        made = logging.getLogger("leftovers.made_by_a_handler")
        made.setLevel(logging.ERROR)

    assert made.level == logging.ERROR
