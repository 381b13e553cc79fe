"""What the packs find is what their rules say: against brute force, alone and together, and whatever is added."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.pattern_set import PatternSet
from tests.match.oracle import clusters, of_rule, read
from tests.promises import packs
from tests.promises.depth import cases, same_cases
from tests.promises.fragments import Case, made_of, texts
from tests.promises.spelled import engine, spell, spelled, written

RULES = tuple(packs.rules())
MORE_RULES = 8


def test_the_language_is_spelled_for_python() -> None:
    assert spell(r"a\.[^\]\w[&-]\d{2,3}\W(?:x|y)") == r"a\.[^\]A-Za-z0-9_\[\&-][0-9]{2,3}[^A-Za-z0-9_](?:x|y)"


def test_nearly_every_rule_of_the_packs_can_be_held_against_brute_force() -> None:
    assert sum(spelled(rule) is not None for rule in RULES) >= 0.95 * len(RULES)


@cases(60)
@given(made_of(pieces=2, longest=90), st.integers(0, (1 << 32) - 1))
def test_a_rule_finds_exactly_the_union_of_all_matches_its_words_name(case: Case, seed: int) -> None:
    """Rules whose examples are in the text, and some others."""
    for rule in {*case.rules, *Random(seed).sample(RULES, MORE_RULES)}:
        if definition := spelled(rule):
            expected = clusters(definition.matches(case.text))
            assert expected == clusters(of_rule(engine(rule).scan(case.text), rule)), rule
            assert expected == clusters(of_rule(read(engine(rule).scanner(), case.text), rule)), rule


@cases(60)
@given(made_of(pieces=2, longest=90), st.integers(0, (1 << 32) - 1))
def test_all_rules_together_hide_what_brute_force_finds_for_any_of_them(case: Case, seed: int) -> None:
    found = packs.spans_in(case.text)
    for rule in {*case.rules, *Random(seed).sample(RULES, MORE_RULES)}:
        if definition := spelled(rule):
            matches = definition.matches(case.text)
            spans = of_rule(found, rule)
            assert packs.covered(matches) <= packs.covered(spans), rule
            if case.text.isascii() and "\\" not in case.text and not definition.checked:
                # More may be hidden by the bound on checks, by another reading of the text, and at its very end.
                assert {span for span in spans if span[1] < len(case.text)} <= set(matches), rule


@cases(20)
@given(texts())
def test_no_rule_disturbs_another(text: str) -> None:
    together = packs.spans_in(text)
    for rule in RULES:
        alone = of_rule(packs.alone(rule).scan(text), rule)
        assert clusters(alone) == clusters(of_rule(together, rule)), rule


@cases(25)
@given(made_of(), st.integers(0, (1 << 32) - 1))
def test_a_larger_policy_never_shows_what_a_smaller_one_hides(case: Case, seed: int) -> None:
    """Rules of the text and random ones are added to others, in front of them or behind."""
    random = Random(seed)
    some = [*case.rules, *random.sample(RULES, 3)]
    more = random.sample(RULES, 4)
    smaller = list(dict.fromkeys(random.sample(some, random.randint(1, len(some)))))
    larger = list(dict.fromkeys(random.choice([[*smaller, *more], [*more, *smaller]])))
    hidden_by = [
        packs.hidden(PatternSet([written(rule) for rule in chosen]).scan(case.text)) for chosen in (smaller, larger)
    ]
    assert hidden_by[0] <= hidden_by[1]
    assert hidden_by[1] <= packs.hidden(packs.spans_in(case.text))


def test_much_of_what_is_held_against_brute_force_holds_a_match() -> None:
    seen: Counter[bool] = Counter()

    @same_cases(150)
    @given(made_of(pieces=2, longest=90))
    def look(case: Case) -> None:
        seen[any(definition.matches(case.text) for rule in case.rules if (definition := spelled(rule)))] += 1

    look()
    assert seen[True] >= 0.4 * seen.total()
