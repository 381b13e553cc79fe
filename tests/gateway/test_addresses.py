from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from guardproxy.core.scope import Network
from guardproxy.gateway.addresses import caller_address

TRUSTED: tuple[Network, ...] = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PEER = "10.0.0.1"
OUTSIDE = st.ip_addresses().filter(lambda address: not any(address in network for network in TRUSTED))
JUNK = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)


def told(*lines: str, peer: str | None = PEER, trusted: tuple[Network, ...] = TRUSTED) -> str | None:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    address = caller_address(peer, headers, trusted)
    return None if address is None else str(address)


@given(JUNK)
def test_a_header_of_somebody_who_is_not_trusted_says_nothing(line: str) -> None:
    assert told(line, peer="192.0.2.1") == "192.0.2.1"
    assert told(line, trusted=()) == PEER


@given(JUNK.filter(lambda text: "," not in text), OUTSIDE)
def test_the_right_most_address_that_is_not_trusted_counts_whatever_stands_left_of_it(
    junk: str, caller: object
) -> None:
    shown = told(str(caller), peer=str(caller))
    assert told(f"{junk}, {caller}, 10.9.9.9") == shown
    assert told(junk, f"{caller}", "10.9.9.9") == shown
    assert told(f"{junk},{caller}") == shown


def test_a_trusted_proxy_that_names_nobody_asks_for_itself() -> None:
    assert told() == PEER
    assert told("10.1.1.1, 10.2.2.2") == "10.1.1.1"


@pytest.mark.parametrize("line", ["unknown", "", "192.0.2.7, ", "192.0.2.7, _hidden", "1.2.3", "[2001:db8::1"])
def test_what_a_trusted_proxy_appended_and_is_no_address_leaves_the_caller_unknown(line: str) -> None:
    assert told("192.0.2.1, " + line) in (None, "2001:db8::1")
    assert told("192.0.2.1, " + line) is None or line.startswith("[")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_an_address_is_read_as_proxies_write_it(written: str, meant: str) -> None:
    assert told(written) == meant


def test_an_address_of_ipv4_is_the_same_where_a_socket_of_both_kinds_accepted_it() -> None:
    assert told(peer="::ffff:192.0.2.7") == "192.0.2.7"
    assert told("192.0.2.9", peer="::ffff:10.0.0.1") == "192.0.2.9"


def test_a_connection_without_an_address_has_none() -> None:
    assert told(peer=None) is None
    assert told(peer="/run/socket") is None


def test_of_a_very_long_chain_only_the_end_is_read() -> None:
    assert told(", ".join(["192.0.2.1", *["10.0.0.2"] * 1000])) == "10.0.0.2"
    assert ip_address("10.0.0.2") in TRUSTED[0]
