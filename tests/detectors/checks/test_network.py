from __future__ import annotations

import pytest

from guardproxy.detectors.checks.network import ipv4_host, ipv6_host, mac


@pytest.mark.parametrize("text", ["192.0.2.44", "198.51.100.7", "203.0.113.255"])
def test_a_public_ipv4_address_is_somebodys(text: str) -> None:
    assert ipv4_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.33",
        "172.16.5.44",
        "192.168.1.20",
        "169.254.3.44",
        "224.0.0.251",
        "255.255.255.0",
        "0.0.0.0",
    ],
)
def test_an_address_with_a_role_is_nobodys(text: str) -> None:
    assert not ipv4_host(text)


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.2.3.4", "198.51.100.0", "256.1.1.10", "192.0.2.044", "1.2.3", "a.b.c.d"]
)
def test_versions_networks_and_resolvers_are_nobodys(text: str) -> None:
    assert not ipv4_host(text)


def test_a_global_ipv6_address_with_a_host_is_somebodys() -> None:
    assert ipv6_host("2001:db8::1")
    assert ipv6_host("2001:DB8:85A3:0:0:8A2E:370:7334")
    for text in ("2001:db8::", "::1", "fe80::1", "fd00::17", "12:34:56", "dead::beef"):
        assert not ipv6_host(text)


def test_a_mac_address_is_one_in_its_three_forms_and_of_one_device() -> None:
    for text in ("00:00:5e:00:53:01", "00-00-5E-00-53-01", "0000.5e00.5301"):
        assert mac(text)
    for text in ("00:00-5e:00:53:01", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb", "00:00:00:00:00:00", "00:00:5e:00:53"):
        assert not mac(text)
