"""Which addresses are public. No test connects anywhere: what decides is a pure function."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.model.values.addresses import (
    METADATA,
    PUBLIC,
    address_problem,
    parse_network,
    special_blocks,
)

KINDS = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "2002:7f00:1::", "::127.0.0.1"],
    "private": ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fec0::1"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "link-local": ["169.254.1.1", "::ffff:169.254.1.1", "fe80::1", "fe80::1%eth0"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "unspecified": ["0.0.0.0", "::"],
    "documentation": ["192.0.2.1", "198.51.100.7", "203.0.113.7", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "reserved": [
        *("0.1.2.3", "240.0.0.1", "255.255.255.255", "100::1", "100:0:0:1::1", "5f00::1", "4000::1"),
        *("64:ff9b:1::101:101", "::1.1.1.1", "3ffe::1", "fe00::1"),
    ],
    "special-purpose": [
        *("192.0.0.1", "192.0.0.9", "192.0.0.170", "192.31.196.1", "192.52.193.1", "192.88.99.1"),
        *("192.175.48.1", "2001:1::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1"),
        *("2001:30::1", "2620:4f:8000::1", "2002:101:101::", "2001:0:101:101:0:ffff:fefe:fefe"),
    ],
    METADATA: [
        *("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200"),
        *("192.0.0.192", "169.254.42.42", "169.254.0.23", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
        *("fd00:c1::a9fe:a9fe", "fd00:42::42", "fe80::a9fe:a9fe", "::ffff:168.63.129.16"),
        *("64:ff9b::a83f:8110", "2002:a83f:8110::1", "64:ff9b::a9fe:a9fe", "::ffff:0:168.63.129.16"),
    ],
}


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, them in KINDS.items() for one in them])
def test_non_public_address_is_named_by_its_kind(kind: str, address: str) -> None:
    assert address_problem(address) == kind


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:a00:1::", "private"),
        ("2001:0:a00:1::", "private"),
        ("2606:4700::5efe:10.0.0.1", "private"),
        ("2606:4700::200:5efe:a9fe:a9fe", METADATA),
        ("64:ff9b:1::a00:1", "private"),
    ],
)
def test_address_inside_another_decides_first(address: str, kind: str) -> None:
    assert address_problem(address) == kind


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "93.184.215.14", "172.32.0.1", "9.255.255.255", "11.0.0.0", "100.128.0.0"),
        *("168.63.129.17", "223.255.255.255", "192.0.1.0", "2606:4700::1111", "2001:4860:4860::8888"),
        *("2001:200::1", "3fff:1000::1"),
        *("::ffff:1.1.1.1", "64:ff9b::101:101", "2606:4700::5efe:1.1.1.1"),
    ],
)
def test_public_address_has_no_problem(address: str) -> None:
    assert address_problem(address) is None


# What every version of Python agrees is not public, and the ends of each block of our own.
EDGES = [ip_address(int(end)) for block, _ in special_blocks() for end in (block[0], block[-1])]
ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.sampled_from(EDGES),
    st.integers(0, 2**125 - 1).map(lambda low: IPv6Address(2**125 + low)),
)


@given(ADDRESSES)
def test_address_that_python_knows_as_special_is_refused(address: IPv4Address | IPv6Address) -> None:
    inside = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    judged = address if inside is None else inside
    if judged.is_multicast or not judged.is_global:
        is_nat64 = judged in ip_network("64:ff9b::/96")
        assert is_nat64 or address_problem(str(address)) is not None


def test_every_address_of_a_special_block_is_refused_at_both_ends() -> None:
    refused = [block for block, kind in special_blocks() if kind != PUBLIC]
    ends = [(block, str(end)) for block in refused for end in (block[0], block[-1])]
    assert [block for block, end in ends if address_problem(end) is None] == []


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("10.0.0.0/8", "10.1.2.3"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
        ("fd00::/8", "fd00::1"),
        ("169.254.169.254", "169.254.169.254"),
        ("168.63.129.16/32", "168.63.129.16"),
    ],
)
def test_allowed_address_has_no_problem(allowed: str, address: str) -> None:
    assert address_problem(address) is not None
    assert address_problem(address, [parse_network(allowed)]) is None


@pytest.mark.parametrize(
    ("allowed", "address", "kind"),
    [
        ("10.0.0.0/8", "192.168.0.1", "private"),
        ("10.0.0.0/8", "fd00::1", "private"),
        ("0.0.0.0/0", "169.254.169.254", METADATA),
        ("169.254.0.0/16", "169.254.170.2", METADATA),
        ("fc00::/7", "fd00:ec2::254", METADATA),
        ("::/0", "::ffff:10.0.0.1", "private"),
        ("::/0", "2002:7f00:1::", "loopback"),
        ("::/0", "64:ff9b::a9fe:a9fe", METADATA),
    ],
)
def test_permission_of_one_address_permits_no_other(allowed: str, address: str, kind: str) -> None:
    assert address_problem(address, [parse_network(allowed)]) == kind
