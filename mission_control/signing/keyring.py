"""The signing keys: HMAC-SHA256 signatures (RFC 2104) that name their key."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

Kind = Literal["task", "run", "message"]
"""What is signed. A signature of one kind is not valid for another."""

LEAST_LENGTH: Final = 32
"""The least length of a key in characters: as long as the hash, as RFC 2104 advises."""

MOST_KEYS: Final = 2
_ID_LENGTH: Final = 8


@dataclass(frozen=True)
class Keyring:
    """The keys of an installation: the first one signs, and each is accepted. Without keys all is accepted.

    `source` is what the setting says, for child processes. Neither is shown.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    source: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def sign(self, kind: Kind, *parts: str | bytes) -> str:
        """Return the signature of some texts: the id of the first key, and the authentication code.

        >>> Keyring((b"k" * 32,)).sign("task", "{}")[:17]
        'fcaac3a1:66a354f0'
        """
        key_id, key = next(iter(self._by_id.items()))
        return f"{key_id}:{_code(key, kind, parts)}"

    def problem(self, signature: object, kind: Kind, *parts: str | bytes) -> str | None:
        """Return why a signature is not one of these texts by one of the keys; None if it is."""
        if not self.keys:
            return None
        if not isinstance(signature, str) or not signature.isascii():
            return "it is not signed"
        key_id, _, code = signature.partition(":")
        key = self._by_id.get(key_id)
        if key is None:
            known = " and ".join(self._by_id)
            return (
                f"it is signed with another key than those of MISSION_CONTROL_SIGNING_KEY ({known}): add its"
                " key as the second, or sign or send it again"
            )
        if not hmac.compare_digest(code, _code(key, kind, parts)):
            return "its signature is that of something else: it was changed, or never signed as it is"
        return None

    def is_first(self, signature: str | None) -> bool:
        """Whether a signature names the first key."""
        return signature is not None and signature.startswith(f"{next(iter(self._by_id), '')}:")

    @cached_property
    def _by_id(self) -> dict[str, bytes]:
        return {key_id(key): key for key in self.keys}


NO_KEYS: Final = Keyring(())


def key_id(key: bytes) -> str:
    """Return the name of a key, which does not give the key away."""
    return hashlib.sha256(b"mission-control signing key\n" + key).hexdigest()[:_ID_LENGTH]


def _code(key: bytes, kind: Kind, parts: Iterable[str | bytes]) -> str:
    # With the length of each part before it, no two lists of parts are the same bytes.
    encoded = [part if isinstance(part, bytes) else part.encode(errors="surrogatepass") for part in parts]
    text = b"".join([kind.encode(), *(b"\n%d:%b" % (len(part), part) for part in encoded)])
    return hmac.digest(key, text, "sha256").hex()
