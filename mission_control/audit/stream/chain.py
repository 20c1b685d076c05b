"""The hash chain of one writer: what makes a removed, changed or reordered line findable.

Every line ends with the three fields `writer`, `seq` and `prev`, in this order. `prev` is the SHA-256
of the writer's line before it, so that all lines of a writer hang together, whichever files they are in
and whichever other writers stand between them.
"""

import os
import re
import secrets
import socket
from dataclasses import dataclass
from hashlib import sha256

GENESIS = "0" * 64
"""`prev` of a writer's first line."""

_LONGEST_HOST = 63
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where a writer stands: the last `seq` it wrote (0: none yet) and that line's digest."""

    writer: str
    seq: int
    digest: str


def line_digest(line: bytes) -> str:
    r"""Return the digest that the next line of the same writer carries in `prev`.

    `line` is the whole line as it stands in the file, without its line feed.

    >>> line_digest(b"{}")[:16]
    '44136fa355b3678a'
    """
    return sha256(line).hexdigest()


def new_writer() -> str:
    """Return a name no other writer has: host, process id and 48 random bits.

    The random part tells apart two logs of one process, and processes that got the same id one after
    the other.
    """
    return f"{own_host()}-{os.getpid()}-{secrets.token_hex(6)}"


def own_host() -> str:
    """Return this host as writers' names have it."""
    return _UNSAFE.sub("_", socket.gethostname())[:_LONGEST_HOST]


def host_of(writer: str) -> str:
    """Return the host in a writer's name.

    >>> host_of("web_1-4711-0a1b2c3d4e5f")
    'web_1'
    """
    return writer.partition("-")[0]
