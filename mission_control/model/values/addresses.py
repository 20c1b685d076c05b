"""Telling public Internet addresses from others, and which of those an operator allows.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), the multicast address spaces,
RFC 3879 (site-local), RFC 4291 (global unicast is `2000::/3`), and the manuals of the clouds. Python's
`ipaddress` knows other blocks with every version, so it is not asked.
"""

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from mission_control.model.problems.suggestions import quoted

PUBLIC: Final = "public"
METADATA: Final = "cloud metadata"

_BLOCKS: Final = {
    PUBLIC: (
        "0.0.0.0/0",
        "2000::/3",
        # Only the IPv4 address inside counts: mapped, and behind a NAT64 gateway (RFC 6052).
        "::ffff:0:0/96",
        "64:ff9b::/96",
    ),
    "unspecified": ("0.0.0.0/32", "::/128"),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    "shared": ("100.64.0.0/10",),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "documentation": ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    "benchmarking": ("198.18.0.0/15", "2001:2::/48"),
    # All IPv6 beyond `2000::/3` is reserved, such as `100::/64` (discard) and `5f00::/16` (segment routing).
    "reserved": ("0.0.0.0/8", "240.0.0.0/4", "::/0", "3ffe::/16"),
    # Protocol assignments, anycast services of AS112 and AMT, 6to4 and its relays, Teredo, ORCHID.
    "special-purpose": (
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "2001::/23",
        "2002::/16",
        "2620:4f:8000::/48",
    ),
    METADATA: (
        "169.254.169.254/32",  # most clouds
        "169.254.170.2/32",  # credentials of containers and pods on AWS
        "169.254.170.23/32",
        "fd00:ec2::254/128",
        "fd00:ec2::23/128",
        "168.63.129.16/32",  # Azure, in the middle of public addresses
        "100.100.100.200/32",  # Alibaba Cloud
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:c1::a9fe:a9fe/128",
        "fd20:ce::254/128",  # Google Cloud
        "169.254.42.42/32",  # Scaleway
        "fd00:42::42/128",
        "169.254.0.23/32",  # Tencent Cloud
        "fe80::a9fe:a9fe/128",  # OpenStack
    ),
}
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_IPV4_BITS: Final = 0xFFFF_FFFF
# In "::/96" all the same. `is_loopback` is no help: since Python 3.13 it is true of a mapped 127.0.0.1, too.
_NO_IPV4: Final = frozenset({IPv6Address("::"), IPv6Address("::1")})
# What stands before the IPv4 address in an ISATAP address (RFC 5214).
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


@cache
def special_blocks() -> tuple[tuple[IPv4Network | IPv6Network, str], ...]:
    """Return every block with its kind, the smallest first: the first that has an address decides."""
    blocks = [(ip_network(text), kind) for kind, texts in _BLOCKS.items() for text in texts]
    return tuple(sorted(blocks, key=lambda block: block[0].prefixlen, reverse=True))


# The last four bytes are an IPv4 address: NAT64 (RFC 6052, RFC 8215), IPv4-compatible (RFC 4291) and
# IPv4-translated (RFC 2765) addresses.
_IPV4_AT_THE_END: Final = tuple(
    IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
)


def parse_network(text: str) -> Network:
    """Return the network that `text` names: a block, or one address.

    Raises:
        ValueError: it names none; the message says what to write.

    >>> parse_network("10.0.0.7")
    IPv4Network('10.0.0.7/32')
    """
    try:
        if "%" in text:
            raise ValueError("an address of one interface")  # noqa: TRY301  # the same remedy
        return ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"{quoted(text)} is neither an address nor a block of them ({error}); write for example "
            "10.1.2.3 or 10.1.0.0/16"
        ) from error


def parse_networks(texts: Sequence[str]) -> list[Network]:
    """Return the networks that the texts name, as `parse_network` does."""
    return [parse_network(text) for text in texts]


def address_problem(text: str, allowed: Sequence[Network] = ()) -> str | None:
    """Return the kind of address that `text` is, or None if it is public or one of the `allowed`.

    An IPv6 address that contains an IPv4 address (mapped, 6to4, Teredo, NAT64, ISATAP) is as public as that
    one. The address of a cloud's metadata service is allowed only by its own, not by a block around it.

    Raises:
        ValueError: `text` is not an IP address.

    >>> address_problem("10.0.0.1")
    'private'
    >>> address_problem("10.0.0.1", [parse_network("10.0.0.0/8")]) is None
    True
    >>> address_problem("::ffff:127.0.0.1")
    'loopback'
    >>> address_problem("93.184.215.14") is None
    True
    """
    address = ip_address(text)
    kinds = ((one, _kind(one)) for one in (*_addresses_inside(address), address))
    refused = (kind for one, kind in kinds if kind != PUBLIC and not _is_allowed(one, kind, allowed))
    return next(refused, None)


def is_loopback(host: str) -> bool:
    """Return whether a host is surely this machine.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("mc.example")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _kind(address: Address) -> str:
    return next(kind for block, kind in special_blocks() if address in block)


def _is_allowed(address: Address, kind: str, allowed: Sequence[Network]) -> bool:
    return any(address in network and (kind != METADATA or network.num_addresses == 1) for network in allowed)


def _addresses_inside(address: Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address) or address in _NO_IPV4:
        return []
    number = int(address)
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if (number >> 32) & _IPV4_BITS in _ISATAP or any(address in network for network in _IPV4_AT_THE_END):
        inside.append(IPv4Address(number & _IPV4_BITS))
    return [one for one in inside if one is not None]
