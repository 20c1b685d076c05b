from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from mission_control.audit.record.masking import clean_text, clean_value
from mission_control.audit.record.secrets_mask import mask_text

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("amqp://user:p@ss:w@host/v", "amqp://user:***@host/v"),
        ("https://example.org:8080/path@x", "https://example.org:8080/path@x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        ("curl -H 'authorization: token abc' http://x", "curl -H 'authorization: ***' http://x"),
        ("sent Bearer abcdef0123456789", "sent Bearer ***"),
        ("Basic authentication failed", "Basic authentication failed"),
        ("password=hunter2 user=me", "password=*** user=me"),
        ("DB_PASSWORD: 'with space' x", "DB_PASSWORD: '***' x"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("?access_token=abc&page=2", "?access_token=***&page=2"),
        ("AWS secret_key=abc", "AWS secret_key=***"),
        ("used sk-abcdefghijklmnopqrstuv", "used ***"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        (f"jwt {JWT} end", "jwt *** end"),
        (f"key:\n{PEM}\nend", "key:\n-----PRIVATE KEY ***-----\nend"),
        ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/***"),
        (
            "POST https://chat.example.org/api/webhooks/7/abc failed",
            "POST https://chat.example.org/api/webhooks/*** failed",
        ),
        (
            "https://api.telegram.org/bot123456789:AAEabcdefghijklmnopqr/getMe",
            "https://api.telegram.org/bot***/getMe",
        ),
        ("https://example.org/?page=2&sig=abc%2F&x=1", "https://example.org/?page=2&sig=***&x=1"),
        ("https://example.org/webhook", "https://example.org/webhook"),
        ("pin: 0042, spin: 3", "pin: ***, spin: 3"),
        ("used 512 tokens: fine", "used 512 tokens: fine"),
        ("the task is late", "the task is late"),
    ],
)
def test_secrets_in_text_are_masked_and_other_text_stays(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ({"password": "x", "user": "me"}, {"password": "***", "user": "me"}),
        ({"clientSecret": "x"}, {"clientSecret": "***"}),
        ({"X-Api-Key": "x"}, {"X-Api-Key": "***"}),
        ({"nested": [{"Authorization": ["Basic", "x"]}]}, {"nested": [{"Authorization": "***"}]}),
        ({"max_tokens": 512, "token": "x"}, {"max_tokens": 512, "token": "***"}),
        ({"password": None, "secret": False}, {"password": None, "secret": False}),
        ({"pin": 1, "password": 1234}, {"pin": 1, "password": "***"}),
        ({"pin": 1234, "cardPin": "0042"}, {"pin": "***", "cardPin": "***"}),
        ({"webhook": "https://example.org/x"}, {"webhook": "***"}),
        ({"args": ["--token", "abc", "-v", "x"]}, {"args": ["--token", "***", "-v", "x"]}),
        ([["Authorization", "abc"], ["Accept", "text"]], [["Authorization", "***"], ["Accept", "text"]]),
        ([{"name": "DB_PASSWORD", "value": "x"}], [{"name": "DB_PASSWORD", "value": "***"}]),
        ({"columns": ["user", "password", "email"]}, {"columns": ["user", "password", "email"]}),
        ({"door": {"secret": "env:DOOR"}}, {"door": "***"}),
    ],
)
def test_values_of_keys_named_like_secrets_are_masked(value: object, clean: object) -> None:
    assert clean_value(value, 8_192) == clean


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**64, "18446744073709551616"),
        pytest.param(10**5_000, "(an integer of 16610 bits)", id="huge"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        ({"x": float("inf")}, {"x": "Infinity"}),
        ({1: {2}, None: (3,)}, {"1": [2], "None": [3]}),
        (b"\xffok", "\\xffok"),
        ("\ud800", "\\ud800"),
        ({"\udc80": 1}, {"\\udc80": 1}),
        (datetime(2025, 10, 16, 9, tzinfo=UTC), "2025-10-16T09:00:00Z"),
        (Unprintable(), "(unprintable Unprintable: RuntimeError)"),
    ],
)
def test_values_that_json_cannot_hold_are_replaced(value: object, clean: object) -> None:
    assert clean_value(value, 8_192) == clean


def test_control_characters_become_visible_while_lines_and_tabs_stay() -> None:
    text = "\x1b[31mred\x07\tone\r\ntwo\rthree\x85\u202eback\u2028"

    assert clean_text(text, 100) == "\\x1b[31mred\\x07\tone\ntwo\\x0dthree\\x85\\u202eback\\u2028"


def test_long_text_keeps_its_beginning_and_end_and_counts_the_characters_cut() -> None:
    assert clean_text("A" * 5_000 + "B" * 45_000 + "C" * 5_000, 8_000) == (
        "A" * 4_000 + " … 47,000 characters cut … " + "C" * 4_000
    )


def test_text_of_exactly_the_limit_is_kept_whole() -> None:
    assert clean_text("x" * 100, 100) == "x" * 100


def test_secret_on_the_edge_of_a_cut_is_masked_before_the_cut() -> None:
    text = "x" * 45 + " ghp_abcdefghijklmnopqrstuvwxyz0123456789 " + "y" * 100_000

    assert "ghp_" not in clean_text(text, 100)


def test_small_structure_is_kept_and_large_one_becomes_bounded_text() -> None:
    assert clean_value({"a": [1, 2]}, 100) == {"a": [1, 2]}
    large = clean_value({"a": list(range(1_000))}, 100)
    assert isinstance(large, str)
    assert large.startswith('{"a":[0,1,2')
    assert len(large) < 140


def test_cycle_is_named_and_not_followed() -> None:
    cycle: dict[str, Any] = {"name": "loop"}
    cycle["self"] = cycle

    assert clean_value(cycle, 8_192) == {"name": "loop", "self": "(a cycle: it contains itself)"}


def test_value_used_twice_is_not_a_cycle() -> None:
    shared = [1]

    assert clean_value([shared, shared], 100) == [[1], [1]]


def test_very_deep_structure_is_cut() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    clean = clean_value(deep, 8_192)

    assert "more than 32 levels deep" in orjson.dumps(clean).decode()
    while deep:  # taken apart by hand: Python frees deep nests recursively
        deep = deep[0]


def test_very_wide_structure_is_cut() -> None:
    clean = clean_value(dict.fromkeys(range(1_000_000)), 8_192)

    assert isinstance(clean, str)
    assert clean.endswith('"…":"(cut: 1000000 entries)"}')


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "eyJ-",
        "sk-",
        "://:",
        "password=",
        "token='",
        "authorization:",
        "-----BEGIN PRIVATE KEY-----",
        "Basic ",
        "://hook",
        "/bot123456:",
        "?sig=",
        "\x1b",
    ],
)
def test_cleaning_of_a_repetitive_megabyte_takes_less_than_a_second(piece: str) -> None:
    started = time.process_time()

    clean_text(piece * (1_000_000 // len(piece)), 8_192)

    assert time.process_time() - started < 1
