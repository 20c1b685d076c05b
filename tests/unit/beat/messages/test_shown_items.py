"""What beat logs of entries and messages that it cannot use has none of their arguments."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from beat.entries.due_entries import _check_plain_entry
from beat.messages.outbox import shown_item


@pytest.mark.parametrize("item", ['{"kwargs": {"note": "hunter2"}}', '["queue", "hunter2"]'])
def test_item_of_the_outbox_is_named_without_its_content(item: str) -> None:
    assert "hunter2" not in shown_item(item)
    assert shown_item("tea@20261016T090000Z") == "tea@20261016T090000Z"


def test_entry_whose_arguments_are_a_text_is_refused_without_quoting_it() -> None:
    entry = SimpleNamespace(enabled=True, task="handlers.hello.run", args="hunter2")
    with pytest.raises(TypeError, match=r"^args is str; it must be a list$"):
        _check_plain_entry(entry)
