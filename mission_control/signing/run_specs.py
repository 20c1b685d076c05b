"""The signature of a run: over its spec, which is all that decides what the run does."""

from collections.abc import Mapping
from typing import Final

import orjson

from mission_control.signing.keyring import Keyring

_SIGNATURE: Final = "signature"


def signed_spec(spec: Mapping[str, str], keyring: Keyring) -> str:
    """Return a spec as the JSON that is stored, with its signature as one more field."""
    if not keyring:
        return orjson.dumps(spec).decode()
    return orjson.dumps({**spec, _SIGNATURE: keyring.sign("run", _canonical(spec))}).decode()


def spec_problem(stored: str | None, keyring: Keyring) -> str | None:
    """Return why a stored spec is not one that was signed; None if it is, or without keys."""
    if not keyring:
        return None
    try:
        spec = orjson.loads(stored if stored is not None else "")
        signature = spec.pop(_SIGNATURE, None)
        return keyring.problem(signature, "run", _canonical(spec))
    except (ValueError, TypeError, AttributeError):
        return "it is not signed"


def _canonical(spec: Mapping[str, str]) -> bytes:
    return orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)
