"""Every way conditions can really turn out is among the outcomes that were compiled for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.conditions import Condition, Facts, OneOf, TooManyOutcomes, outcome_of, outcomes

WORDS = ["a", "b", "ab", "a*", "*b", "*"]
VALUES = ["", "a", "b", "ab", "abc", "x"]
DIMENSIONS = ["key", "team", "model", "metadata.tier"]

parts = st.builds(OneOf, st.sampled_from(DIMENSIONS), st.frozensets(st.sampled_from(WORDS), min_size=1, max_size=2))
conditions = st.builds(lambda chosen: Condition(tuple(chosen)), st.lists(parts, min_size=1, max_size=2))
facts = st.builds(
    lambda key, team, model, tier: Facts(key, team, "chat_completions", model, {"tier": tier} if tier else {}),
    *[st.sampled_from(VALUES)] * 4,
)


@given(st.lists(conditions, max_size=4), facts)
def test_no_exchange_has_an_outcome_nothing_was_compiled_for(given_: list[Condition], of: Facts) -> None:
    assert outcome_of(given_, of) in outcomes(given_, 1 << 4)


def test_words_written_out_exclude_each_other() -> None:
    keys = [Condition((OneOf("key", frozenset({name})),)) for name in ("a", "b", "c", "d")]
    assert outcomes(keys, 5) == [0, 1, 2, 4, 8]


def test_words_with_a_star_may_overlap() -> None:
    models = [Condition((OneOf("model", frozenset({word})),)) for word in ("gpt-*", "*-mini")]
    assert outcomes(models, 4) == [0, 1, 2, 3]


def test_more_outcomes_than_allowed_are_an_error() -> None:
    keys = [Condition((OneOf("key", frozenset({name})),)) for name in ("a", "b", "c", "d")]
    with_too_few = 4
    try:
        outcomes(keys, with_too_few)
    except TooManyOutcomes as error:
        assert "more than 4 ways" in str(error)
    else:
        raise AssertionError("five outcomes passed for four")


def test_all_parts_of_a_condition_have_to_hold() -> None:
    both = Condition((OneOf("team", frozenset({"research"})), OneOf("model", frozenset({"gpt-*"}))))
    assert both.holds(Facts(team="research", model="gpt-5"))
    assert not both.holds(Facts(team="research", model="other"))
    assert not both.holds(Facts(model="gpt-5"))
    assert not both.chosen_by_caller
    assert Condition((OneOf("metadata.tier", frozenset({"gold"})),)).chosen_by_caller
