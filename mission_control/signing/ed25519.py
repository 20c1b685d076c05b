"""Ed25519 keys (RFC 8032) in PEM files: a public key checks signatures, and cannot make any.

They need the package `cryptography`, an extra, which is loaded only where such a key is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mission_control.signing.key_source import read_key_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_REMEDY: Final = "make a pair with `mission-control audit keygen FILE`"


def new_key_pair() -> tuple[bytes, bytes]:
    """Return a new private key and its public key, as PEM.

    Raises:
        ValueError: `cryptography` is missing.
    """
    with _needs_cryptography():
        from cryptography.hazmat.primitives import serialization as pem
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def read_private_key(path: str) -> Ed25519PrivateKey:
    """Return the private key in a file that only its owner, or root, can read.

    Raises:
        ValueError: it cannot be used, or `cryptography` is missing; names the remedy.
    """
    text = read_key_file(path)
    with _needs_cryptography():
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a passphrase
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(  # noqa: TRY004  # the text is wrong
            f"{path} has no Ed25519 private key without a passphrase; {_REMEDY}"
        )
    return key


def read_public_key(pem: bytes) -> Ed25519PublicKey:
    """Return the public key that a PEM text has.

    Raises:
        ValueError: there is none in it, or `cryptography` is missing; names the remedy.
    """
    with _needs_cryptography():
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(  # noqa: TRY004  # the text is wrong
            f"there is no Ed25519 public key in it; {_REMEDY}, and use its .pub file"
        )
    return key


def is_signed(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    """Whether a signature is that of a text, by the private key of this public key."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


@contextmanager
def _needs_cryptography() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ValueError(
            "it needs the package cryptography: pip install 'mission-control[checkpoints]'"
        ) from error
