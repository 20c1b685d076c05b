"""Why an address is not called, in words."""

from collections.abc import Sequence
from typing import Final

from mission_control.model.values.addresses import Network, address_problem

SETTING: Final = "MISSION_CONTROL_OUTBOUND_ALLOW"


def refusal(host: str, address: str, allowed: Sequence[Network]) -> str | None:
    """Return why `address`, which `host` stands for, is not called; None if it is public or `allowed`.

    >>> refusal("nas.example", "10.0.0.7", ())
    'nas.example (10.0.0.7) is a private address and is not called; to allow it, the operator adds it to \
MISSION_CONTROL_OUTBOUND_ALLOW'
    """
    kind = address_problem(address, allowed)
    if kind is None:
        return None
    named = host if host == address else f"{host} ({address})"
    return f"{named} is a {kind} address and is not called; to allow it, the operator adds it to {SETTING}"
