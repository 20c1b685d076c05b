"""Thousands of forged messages: nothing but what was signed, for its queue and its time, is taken."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from kombu.utils.json import dumps

from mission_control.messaging.message import RUN_HEADER
from mission_control.messaging.transport.message_problem import BadMessageError, read_task
from mission_control.messaging.transport.message_signature import (
    SIGNATURE_HEADER,
    check_signature,
    sign_message,
)
from mission_control.messaging.transport.parking import PARKED_HEADER, to_be_parked
from mission_control.signing.keyring import Keyring
from tests.samples.bad_messages import GOOD_HEADERS, NO_FOLLOW_UPS, body_of, message

if TYPE_CHECKING:
    from collections.abc import Iterator

    Path = tuple[str, ...]

KEYRING = Keyring((b"k" * 32,))
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MONTH = 30 * 86_400.0
FORGERIES = 10_000
# The transport sets these itself; none of them says what runs.
TRANSPORTS_OWN = {
    ("properties", "delivery_tag"),
    ("headers", "redelivered"),
    ("headers", PARKED_HEADER),
    ("properties", "delivery_info", "redelivered"),
}
VALUES = [
    *(None, True, 0, 1, -1, 2.5, float("nan"), 2**70, 2**70 + 1, "", "x", "\ud800", [], [1], {}, {"a": "b"}),
    *({"__type__": "datetime", "__value__": NOW.isoformat()}, "handlers.http_request.run", "0" * 64),
]


def signed(number: int, *, now: datetime = NOW, keyring: Keyring = KEYRING, **headers: Any) -> dict[str, Any]:
    """Return the message of a run, as it lies on its queue."""
    execution_id = f"task-{number}@20260302T090000Z"
    given = {**GOOD_HEADERS, "id": execution_id, "root_id": execution_id, RUN_HEADER: True, **headers}
    kwargs = {"task_id": f"task-{number}", "execution_id": execution_id}
    whole: dict[str, Any] = json.loads(message(headers=given, body=body_of([[], kwargs, NO_FOLLOW_UPS])))
    whole["properties"]["delivery_tag"] = f"tag-{number}"
    sign_message(whole, "default", keyring, now=now, lasts=MONTH)
    return whole


def refusal(
    forged: dict[str, Any], queue: str = "default", *, now: datetime = NOW, redis_now: datetime | None = None
) -> str | None:
    """Return why a worker does not take a message; None if it does."""
    decides = now if redis_now is None else redis_now
    try:
        found = read_task(json.dumps(forged).encode())
        check_signature(found, queue, KEYRING, now.timestamp(), decides.timestamp)
    except BadMessageError as bad:
        return str(bad)
    return None


def places_in(value: object, path: Path = ()) -> Iterator[Path]:
    """Give the path of every value inside a message, however deep."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places_in(inner, (*path, name))


def at(whole: dict[str, Any], path: Path) -> Any:
    for name in path:
        whole = whole[name]
    return whole


def put(whole: dict[str, Any], path: Path, value: object) -> None:
    at(whole, path[:-1])[path[-1]] = value


def test_none_of_10_000_changed_and_spliced_messages_is_taken() -> None:
    chance = random.Random(11)  # the same forgeries each time
    genuine = [signed(number) for number in range(20)]
    assert [refusal(one) for one in genuine] == [None] * len(genuine)
    texts = [json.dumps(one) for one in genuine]
    places = [path for path in places_in(genuine[0]) if path not in TRANSPORTS_OWN]
    taken, forgeries = [], 0
    while forgeries < FORGERIES:
        (ours, theirs), path = chance.sample(range(len(texts)), 2), chance.choice(places)
        forged = json.loads(texts[ours])
        match chance.randrange(3):
            case 0:
                put(forged, path, chance.choice(VALUES))
            case 1:
                put(forged, path, at(json.loads(texts[theirs]), path))
                forged["properties"]["delivery_tag"] = genuine[ours]["properties"]["delivery_tag"]
            case 2:
                put(forged, (*path[:-1], "added"), chance.choice(VALUES))
        if forged == genuine[ours]:
            continue
        forgeries += 1
        if refusal(forged) is None:
            taken.append((path, forged))
    assert taken == []


@pytest.mark.parametrize("lost", [SIGNATURE_HEADER, RUN_HEADER, "id", "expires"])
def test_message_that_lost_a_header_is_not_taken(lost: str) -> None:
    forged = signed(1)
    del forged["headers"][lost]

    assert refusal(forged) is not None


def test_message_moved_to_another_queue_is_not_taken() -> None:
    assert refusal(signed(1), "gpu") is not None


def test_message_signed_with_another_key_is_not_taken() -> None:
    said = str(refusal(signed(1, keyring=Keyring((b"x" * 32,)))))
    assert said.startswith("it is signed with another key than those of MISSION_CONTROL_SIGNING_KEY (")
    assert said.endswith("): add its key as the second, or sign or send it again")


@pytest.mark.parametrize(
    ("sent", "hours", "words"),
    [
        (NOW, -2, "set the clocks of its sender and of Redis by NTP"),
        (NOW, 24 * 31, "it is replayed, or waited for longer than MISSION_CONTROL_RETENTION_DAYS"),
    ],
)
def test_message_outside_its_window_is_refused_with_the_remedy(
    sent: datetime, hours: int, words: str
) -> None:
    assert words in str(refusal(signed(1, now=sent), now=sent + timedelta(hours=hours)))


@pytest.mark.parametrize("hours", [-2, 24 * 31])
def test_worker_whose_clock_is_hours_off_asks_redis(hours: int) -> None:
    assert refusal(signed(1), now=NOW + timedelta(hours=hours), redis_now=NOW) is None


def test_retry_that_is_released_from_parking_is_taken_at_its_time_and_not_before() -> None:
    due = NOW + timedelta(hours=1)
    parked = to_be_parked(signed(1, eta=due.isoformat()), now=NOW, after=timedelta(minutes=1))
    assert parked is not None
    released = json.loads(parked.payload)

    assert refusal(released, now=due) is None
    assert "released before its time" in str(refusal(released, now=NOW))


def test_message_that_waits_for_a_handler_is_taken_as_soon_as_one_is_there() -> None:
    due = NOW + timedelta(minutes=10)
    waits = signed(1, eta=due.isoformat(), mission_control_parked=True)
    assert PARKED_HEADER in waits["headers"]
    parked = to_be_parked(waits, now=NOW, after=timedelta(minutes=1))
    assert parked is not None

    assert refusal(json.loads(parked.payload), now=NOW) is None


def test_message_delivered_again_is_taken() -> None:
    again = signed(1)
    again["headers"]["redelivered"] = again["properties"]["delivery_info"]["redelivered"] = True
    again["properties"]["delivery_tag"] = "another"

    assert refusal(again) is None


def test_eta_that_was_changed_is_refused() -> None:
    forged = signed(1, eta=(NOW + timedelta(minutes=1)).isoformat())
    forged["headers"]["eta"] = (NOW + timedelta(minutes=2)).isoformat()

    assert refusal(forged) == "its header eta was changed"


@pytest.mark.parametrize(
    "header",
    [{1: "a key that is no text"}, NOW, [Decimal("1.5"), UUID(int=7)], 2**70, "\ud800", ("a", "tuple"), 2.5],
    ids=repr,
)
def test_header_of_any_type_that_the_wire_carries_is_signed_as_it_arrives(header: object) -> None:
    whole = signed(1)
    whole["headers"].pop(SIGNATURE_HEADER)
    whole["headers"]["custom"] = header
    sign_message(whole, "default", KEYRING, now=NOW, lasts=MONTH)
    found = read_task(dumps(whole).encode())

    check_signature(found, "default", KEYRING, NOW.timestamp(), NOW.timestamp)
