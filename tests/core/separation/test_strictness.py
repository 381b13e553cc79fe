"""A separation is as strict as another one if it marks, treats and asks for at least as much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import Provenance
from guardproxy.core.separation.fence import FenceMode, Fences, model_names
from guardproxy.core.separation.strictness import separation_loosenings
from guardproxy.core.separation.terms import OperatorPrompt, RoleOrder, Separation, Treatment

OFF, DELIMIT, ENCODE = FenceMode.OFF, FenceMode.DELIMIT, FenceMode.ENCODE
FLAG, CLEAN, BLOCK = Treatment.FLAG, Treatment.CLEAN, Treatment.BLOCK


def fences(tool: FenceMode, models: Mapping[str, FenceMode] = {}, *, sandwich: bool = False) -> Separation:
    by_model = tuple((model_names(name), {Provenance.TOOL: mode}) for name, mode in models.items())
    return Separation(fences=Fences({Provenance.TOOL: tool}, by_model, sandwich))


def order(**said: Any) -> Separation:
    return Separation(order=RoleOrder(**said))


PAIRS = [
    (Separation(), Separation(seen_only=True), "history"),
    (Separation(), Separation(definitions_by_operators=True), "definitions"),
    (Separation(hidden_characters=FLAG), Separation(hidden_characters=CLEAN), "hidden_characters"),
    (Separation(control_tokens=CLEAN), Separation(control_tokens=BLOCK), "control_tokens"),
    (Separation(), Separation(fake_turns=FLAG), "fake_turns"),
    (
        Separation(control_tokens=CLEAN, token_families=frozenset({"llama"})),
        Separation(control_tokens=CLEAN, token_families=frozenset({"llama", "xml"})),
        "control_token_families",
    ),
    (Separation(), Separation(pinned=frozenset({"a", "b"})), "pinned_prompts"),
    (Separation(pinned=frozenset({"a", "b"})), Separation(pinned=frozenset({"a"})), "pinned_prompts"),
    (Separation(signed_keys=frozenset({"a"})), Separation(signed_keys=frozenset({"a", "b"})), "signed_keys"),
    (Separation(signed_keys=frozenset({"a"})), Separation(signed_keys=frozenset({"*"})), "signed_keys"),
    (Separation(), order(operator_first=True), "order"),
    (order(last=frozenset({"user", "tool"})), order(last=frozenset({"user"})), "order"),
    (order(most={"user": 2}), order(most={"user": 1, "tool": 3}), "order"),
    (Separation(), fences(OFF, {"big-*": DELIMIT}), "fence"),
    (fences(DELIMIT), fences(DELIMIT, {"big-*": ENCODE}), "fence"),
    (fences(DELIMIT, {"big-*": DELIMIT}), fences(DELIMIT, {"big-*": ENCODE}), "fence"),
    (fences(DELIMIT), fences(DELIMIT, sandwich=True), "fence"),
]  # fmt: skip


@pytest.mark.parametrize(("looser", "stricter", "name"), PAIRS)
def test_more_of_it_is_stricter_and_less_of_it_is_looser(looser: Separation, stricter: Separation, name: str) -> None:
    assert [*separation_loosenings(looser, stricter)] == []
    assert f"context.{name} is looser" in [*separation_loosenings(stricter, looser)]


def test_no_separation_is_one_without_anything() -> None:
    assert [] == [*separation_loosenings(None, Separation())] == [*separation_loosenings(Separation(), None)]


def test_a_fence_for_other_models_must_be_as_strict_for_all_of_them() -> None:
    one, other = fences(DELIMIT, {"big-*": ENCODE}), fences(DELIMIT, {"small-*": ENCODE})
    assert ["context.fence is looser"] == [*separation_loosenings(one, other)] == [*separation_loosenings(other, one)]
    assert [*separation_loosenings(one, fences(ENCODE))] == []


def test_families_may_be_any_where_tokens_are_let_through() -> None:
    every = Separation(token_families=frozenset({"llama", "xml"}))
    assert [*separation_loosenings(every, Separation(control_tokens=FLAG, token_families=frozenset({"xml"})))] == []


def test_words_of_the_policy_have_no_order() -> None:
    said = Separation(prompt=OperatorPrompt("Be kind."))
    for one, other in ((said, Separation()), (Separation(), said)):
        assert [*separation_loosenings(one, other)] == [
            "context.operator_prompt differs, and has no order of strictness"
        ]


def test_every_part_of_a_separation_is_compared() -> None:
    strict: dict[str, Any] = {
        "prompt": OperatorPrompt("x"), "pinned": frozenset({"a"}), "signed_keys": frozenset({"a"}),
        "order": RoleOrder(operator_first=True), "seen_only": True, "control_tokens": BLOCK,
        "token_families": frozenset({"xml"}), "hidden_characters": BLOCK, "fake_turns": BLOCK,
        "fences": Fences({Provenance.TOOL: DELIMIT}), "definitions_by_operators": True,
    }  # fmt: skip
    for part in fields(Separation):
        if part.init:
            changed: dict[str, Any] = {"control_tokens": FLAG, part.name: strict[part.name]}
            weaker = CLEAN if part.name == "control_tokens" else FLAG
            assert [*separation_loosenings(Separation(**changed), Separation(control_tokens=weaker))], part.name


modes = st.sampled_from(FenceMode)
some_fences = st.builds(
    fences, modes, st.dictionaries(st.sampled_from(["a*", "b", "*c"]), modes, max_size=2), sandwich=st.booleans()
)


@given(some_fences, some_fences, st.text(alphabet="abc", max_size=3))
def test_what_is_no_looser_fences_no_model_more_loosely(one: Separation, other: Separation, model: str) -> None:
    assert one.fences is not None
    assert other.fences is not None
    if not [*separation_loosenings(one, other)]:
        strict, stricter = one.fences.modes_for(model), other.fences.modes_for(model)
        assert strict[Provenance.TOOL] <= stricter[Provenance.TOOL]
        assert one.fences.sandwich <= other.fences.sandwich
