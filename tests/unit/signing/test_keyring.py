"""Signatures: what they bind together, and by whose key."""

from __future__ import annotations

import pytest

from mission_control.signing.keyring import NO_KEYS, Keyring, key_id
from mission_control.signing.run_specs import signed_spec, spec_problem

OLD, NEW = b"o" * 32, b"n" * 32
SPEC = {"execution_id": "a@b", "task_id": "a", "handler": "handlers.hello.run", "params": '{"n":1}'}


def test_signature_of_either_key_is_valid_while_keys_are_rotated() -> None:
    by_old = Keyring((OLD,)).sign("task", "{}")
    rotated = Keyring((NEW, OLD))

    assert rotated.problem(by_old, "task", "{}") is None
    assert not rotated.is_first(by_old)
    assert rotated.is_first(rotated.sign("task", "{}"))


def test_signature_of_a_key_that_was_rotated_away_names_the_keys_there_are() -> None:
    problem = Keyring((NEW,)).problem(Keyring((OLD,)).sign("task", "{}"), "task", "{}")

    assert problem == (
        f"it is signed with another key than those of MISSION_CONTROL_SIGNING_KEY ({key_id(NEW)}): add its"
        " key as the second, or sign or send it again"
    )


@pytest.mark.parametrize(
    ("kind", "parts"),
    [("run", ("ab", "c")), ("task", ("a", "bc")), ("task", ("abc",)), ("task", ("ab", "c", ""))],
)
def test_signature_is_of_one_kind_and_of_each_part_by_itself(kind: str, parts: tuple[str, ...]) -> None:
    keyring = Keyring((NEW,))
    signature = keyring.sign("task", "ab", "c")

    assert keyring.problem(signature, "task", "ab", "c") is None
    assert keyring.problem(signature, kind, *parts) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("signature", [None, "", ":", 5, "ü", "x:", f"{key_id(NEW)}:", f"{key_id(NEW)}:00"])
def test_text_that_is_no_signature_is_a_problem_and_no_error(signature: object) -> None:
    assert Keyring((NEW,)).problem(signature, "task", "{}") is not None


def test_keys_are_shown_nowhere() -> None:
    shown = repr(Keyring((NEW, OLD), source="nnn"))

    assert "nnn" not in shown
    assert "ooo" not in shown


def test_spec_whose_fields_were_reordered_is_as_it_was_signed() -> None:
    keyring = Keyring((NEW,))
    stored = signed_spec(dict(reversed(SPEC.items())), keyring)

    assert spec_problem(stored, keyring) is None
    assert spec_problem(signed_spec(SPEC, NO_KEYS), NO_KEYS) is None


@pytest.mark.parametrize(
    "stored", [None, "", "[]", "1", "{", "{}", '{"signature": 1}', '{"signature": null}']
)
def test_spec_that_cannot_be_read_is_not_signed(stored: str | None) -> None:
    assert spec_problem(stored, Keyring((NEW,))) == "it is not signed"
