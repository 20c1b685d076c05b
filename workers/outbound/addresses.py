"""Telling public Internet addresses from others."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# RFC 6052: IPv4 addresses behind a NAT64 gateway; the last four bytes are the IPv4 address.
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_IPV4_BITS = 0xFFFF_FFFF


def address_problem(text: str) -> str | None:
    """Return the kind of address that `text` is if it is not public, else None.

    An IPv6 address that contains an IPv4 address (mapped, 6to4, Teredo, NAT64) is as public as that one.

    Raises:
        ValueError: `text` is not an IP address.

    >>> address_problem("10.0.0.1")
    'private'
    >>> address_problem("::ffff:127.0.0.1")
    'loopback'
    >>> address_problem("93.184.215.14") is None
    True
    """
    address = ip_address(text)
    kinds = (_kind(one) for one in (*_addresses_inside(address), address))
    return next((kind for kind in kinds if kind is not None), None)


def _addresses_inside(address: Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inside.append(IPv4Address(int(address) & _IPV4_BITS))
    return [one for one in inside if one is not None]


def _kind(address: Address) -> str | None:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return None  # only the address inside counts
    kinds = {
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "unspecified": address.is_unspecified,
        "reserved": address.is_reserved and address not in _NAT64,
        "private": address.is_private or (isinstance(address, IPv6Address) and address.is_site_local),
        # The rest: shared address space (RFC 6598), documentation, benchmarks, and so on.
        "non-public": (not address.is_global and address not in _NAT64) or address in _NAT64_LOCAL,
    }
    return next((kind for kind, applies in kinds.items() if applies), None)
