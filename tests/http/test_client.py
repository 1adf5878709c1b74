"""Who is asking: one rule, no matter what a client writes into headers."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.http.client import canonical_address, identify, is_trusted, population_of

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2, 10.0.0.3"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.7, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:DB9::0001]:443"], "2001:db9::1"),
        ("10.0.0.1", ["2001:db9:0:0:0:0:0:1"], "2001:db9::1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("2001:db8::1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("", ["198.51.100.7"], ""),
        ("10.0.0.1", ["1" * 100_000], "10.0.0.1"),
    ],
)
def test_the_last_untrusted_hop_is_the_client(peer: str, forwarded: list[str], client: str) -> None:
    """A header counts only behind a trusted proxy, and then only up to the first hop that nobody vouches for."""
    assert identify(peer, forwarded, PROXIES) == client


def test_without_proxies_headers_never_count() -> None:
    """A server that trusts no proxy takes the socket's word."""
    assert identify("192.0.2.1", ["198.51.100.7"], ()) == "192.0.2.1"


@given(st.text(max_size=200))
def test_no_header_makes_a_stranger_somebody_else(forwarded: str) -> None:
    """Whatever a client that is no proxy claims, it stays itself."""
    assert identify("192.0.2.1", [forwarded], PROXIES) == "192.0.2.1"


@given(st.text(max_size=200))
def test_behind_a_proxy_the_client_is_an_address(forwarded: str) -> None:
    """Whatever arrives through a proxy, what comes out is a canonical address."""
    client = identify("10.0.0.1", [forwarded], PROXIES)
    assert str(ip_address(client)) == client


@given(st.ip_addresses())
def test_canonical_text_is_stable(address: object) -> None:
    """The canonical text of a canonical text is itself."""
    once = canonical_address(str(address))
    assert once
    assert canonical_address(once) == once


def test_a_client_is_an_address_or_a_network() -> None:
    """IPv4 clients count one by one; IPv6 clients by /64, since each has 2^64 addresses to choose from."""
    assert population_of("192.0.2.1") == "192.0.2.1"
    assert population_of("2001:db8:0:1:2:3:4:5") == population_of("2001:db8:0:1::") == "2001:db8:0:1::/64"
    assert population_of("2001:db8:0:2::") != population_of("2001:db8:0:1::")


def test_trust_is_by_network() -> None:
    """An address is trusted when one of the networks holds it; what is no address never is."""
    assert is_trusted("10.1.2.3", PROXIES)
    assert is_trusted("2001:db8::7", PROXIES)
    assert not is_trusted("192.0.2.1", PROXIES)
    assert not is_trusted("ten", PROXIES)
