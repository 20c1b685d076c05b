"""The special-purpose address blocks, as IANA registers them, and the metadata services of clouds.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), the multicast address spaces,
RFC 3879 (site-local), RFC 4291 (global unicast is `2000::/3`), and the manuals of the clouds. Python's
`ipaddress` knows other blocks with every version, so it is not asked.
"""

from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

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


@cache
def special_blocks() -> tuple[tuple[IPv4Network | IPv6Network, str], ...]:
    """Return every block with its kind, the smallest first: the first that has an address decides."""
    blocks = [(ip_network(text), kind) for kind, texts in _BLOCKS.items() for text in texts]
    return tuple(sorted(blocks, key=lambda block: block[0].prefixlen, reverse=True))
