from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guardproxy.detectors.checks.wallet import btc_address, eth_address

# The first block's, one from the documentation of base58check, the test vectors of BIP 173 and BIP 350.
ADDRESSES = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
]
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@pytest.mark.parametrize("address", [*ADDRESSES, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"])
def test_an_address_has_a_right_checksum(address: str) -> None:
    assert btc_address(address)


@given(st.sampled_from(ADDRESSES), st.data())
def test_one_wrong_character_makes_it_none(address: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(4, len(address) - 1))
    wrong = data.draw(st.sampled_from(BASE58))
    assume(wrong != address[at])
    assert not btc_address(address[:at] + wrong + address[at + 1 :])


def test_mixed_case_and_other_networks_are_none() -> None:
    assert not btc_address("bc1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4")
    assert not btc_address("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx")
    assert not btc_address("z" * 35)


def test_an_ethereum_address_has_forty_digits_and_is_not_a_contract_of_the_protocol() -> None:
    assert eth_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    assert not eth_address("0x" + "0" * 39 + "1")
    assert not eth_address("0x" + "a" * 39)
    assert not eth_address("0x" + "a" * 64)
