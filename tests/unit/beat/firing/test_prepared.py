"""Requests that wait for their instant."""

from __future__ import annotations

from beat.firing.fire_request import FireRequest
from beat.firing.prepared import MOST_BYTES, Prepared


def request(due: float, packed: bytes = b"", next_due: float | None = None) -> FireRequest:
    return FireRequest("key", due, packed, (), next_due=next_due)


def filled(*dues: float) -> Prepared:
    prepared = Prepared()
    for due in dues:
        prepared.add(request(due), due)
    return prepared


def test_due_requests_are_taken_once_and_the_rest_waits() -> None:
    prepared = filled(1.0, 2.0, 2.0, 3.0)
    assert [one.due for one in prepared.take_due(2.0, most=10)] == [1.0, 2.0, 2.0]
    assert prepared.take_due(2.0, most=10) == []
    assert prepared.next_due == 3.0


def test_prepared_requests_are_taken_up_to_a_batch() -> None:
    prepared = filled(1.0, 1.0, 1.0)
    assert len(prepared.take_due(5.0, most=2)) == 2
    assert len(prepared.take_due(5.0, most=2)) == 1


def test_request_that_comes_after_its_successor_or_very_late_is_dropped() -> None:
    prepared = Prepared()
    prepared.add(request(1.0, next_due=4.0), 1.0)
    prepared.add(request(2.0, next_due=40.0), 2.0)
    assert [one.due for one in prepared.take_due(5.0, most=2)] == [2.0]
    prepared.add(request(6.0), 6.0)
    assert prepared.take_due(36.5, most=2) == []


def test_search_continues_after_the_entries_seen_at_one_due_time() -> None:
    prepared = filled(1.0, 2.0, 2.0)
    assert (prepared.since, prepared.seen) == (2.0, 2)
    prepared.add(request(3.0), 3.0)
    assert (prepared.since, prepared.seen) == (3.0, 1)


def test_entry_without_a_request_counts_as_seen() -> None:
    prepared = filled(1.0)
    prepared.add(None, 1.0)
    assert (prepared.since, prepared.seen) == (1.0, 2)
    assert len(prepared) == 1


def test_search_begins_now_and_never_goes_back() -> None:
    prepared = filled(5.0)
    prepared.begin_at(4.0)
    assert (prepared.since, prepared.seen) == (5.0, 1)
    prepared.begin_at(6.0)
    assert (prepared.since, prepared.seen) == (6.0, 0)


def test_preparation_has_room_until_waiting_requests_are_too_large() -> None:
    prepared = Prepared()
    large = request(1.0, b"x" * (MOST_BYTES // 2))
    prepared.add(large, 1.0)
    assert prepared.has_room
    prepared.add(large, 1.0)
    assert not prepared.has_room
    prepared.take_due(1.0, most=1)
    assert prepared.has_room


def test_prepared_requests_are_forgotten_when_another_beat_leads() -> None:
    prepared = filled(1.0, 2.0)
    prepared.clear()
    assert prepared.next_due is None
    assert (prepared.since, prepared.seen) == (0.0, 0)
