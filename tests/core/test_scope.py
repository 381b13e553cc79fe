from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.scope import ANYTHING, Scope

NAMES = st.text(st.characters(codec="utf-8"), max_size=30)


@given(NAMES, st.ip_addresses() | st.none())
def test_a_scope_that_says_nothing_bounds_nothing(name: str, address: object) -> None:
    assert ANYTHING.allows_model(name)
    assert ANYTHING.allows_route(name)
    assert ANYTHING.allows_policy(name)
    assert ANYTHING.allows_address(address)  # type: ignore[arg-type]


@given(NAMES, NAMES)
def test_a_model_is_allowed_by_its_name_in_any_case_and_by_nothing_else(allowed: str, asked: str) -> None:
    scope = Scope(models=(allowed.replace("*", "x"),))
    same = allowed.replace("*", "x").lower() == asked.lower()
    assert scope.allows_model(asked) is same


@given(NAMES)
def test_a_star_is_any_text_and_nothing_else_is_special(rest: str) -> None:
    assert Scope(models=("gpt-5*",)).allows_model("GPT-5" + rest)
    assert not Scope(models=("gpt-[5]?",)).allows_model("gpt-5x")
    assert Scope(models=("gpt-[5]?",)).allows_model("gpt-[5]?")


@pytest.mark.parametrize("name", ["", "chat", "chat_completions ", "CHAT_COMPLETIONS"])
def test_routes_and_policies_are_allowed_by_their_exact_names(name: str) -> None:
    scope = Scope(routes=("chat_completions",), policies=("chat_completions",))
    assert scope.allows_route("chat_completions")
    assert scope.allows_policy("chat_completions")
    assert not scope.allows_route(name)
    assert not scope.allows_policy(name)


def test_an_address_is_allowed_inside_one_of_the_networks_of_its_own_kind() -> None:
    scope = Scope(networks=(ip_network("10.1.0.0/16"), ip_network("2001:db8::/32")))
    allowed = ["10.1.0.0", "10.1.255.255", "2001:db8::1"]
    others = ["10.2.0.0", "9.255.255.255", "2001:db9::1", "::ffff:10.1.0.1", "::1"]
    assert [scope.allows_address(ip_address(text)) for text in allowed + others] == [True] * 3 + [False] * 5
    assert not scope.allows_address(None)
