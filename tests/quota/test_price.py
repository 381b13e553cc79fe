"""Prices in whole numbers, and none for free."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.quota.price import Price, PriceTable

CHEAP = Price(("small-*", "tiny"), 150_000_000, 600_000_000)
DEAR = Price(("large-*",), 10_000_000_000, 1_000_000_000, {"premium": 2})
COUNTS = st.integers(0, 10**7)


@given(COUNTS, COUNTS, st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_cost_is_the_exact_sum_rounded_up(read: int, written: int, input_price: int, output_price: int) -> None:
    cost = Price((), input_price, output_price).cost(read, written)
    exact = read * input_price + written * output_price
    assert (cost - 1) * 10**6 < exact <= cost * 10**6


def test_a_model_has_the_price_of_the_first_line_that_names_it() -> None:
    table = PriceTable([CHEAP, DEAR, Price(("*",), 1, 1)])
    assert table.of("small-2") is CHEAP
    assert table.of("tiny") is CHEAP
    assert table.of("large-9") is DEAR
    assert table.of("other").input == 1


def test_an_unknown_model_costs_what_the_dearest_does() -> None:
    price = PriceTable([CHEAP, DEAR]).of("new")
    assert (price.input, price.output, price.units) == (10_000_000_000, 1_000_000_000, {})


def test_an_empty_table_is_false_and_prices_nothing() -> None:
    assert not PriceTable()
    assert PriceTable([CHEAP])
    assert PriceTable().of("m").cost(10, 10) == 0
