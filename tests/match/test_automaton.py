from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_set import Pattern, PatternSet
from tests.match.oracle import AnySample, any_samples_and_text, clusters, of_rule, read, set_of


@settings(max_examples=60, deadline=None)
@given(any_samples_and_text(), st.sampled_from([1, 2, 30]))
def test_forgetting_transitions_changes_nothing(example: tuple[list[AnySample], str], cells: int) -> None:
    samples, text = example
    remembers, forgets = set_of(samples), set_of(samples, cells=cells)
    assert read(remembers.scanner(), text) == read(forgets.scanner(), text)


@settings(max_examples=40, deadline=None)
@given(any_samples_and_text(), st.sampled_from([1, 5, 100_000]))
def test_scanners_of_one_automaton_do_not_disturb_each_other(example: tuple[list[AnySample], str], cells: int) -> None:
    samples, text = example
    patterns = set_of(samples, cells=cells)
    alone = read(patterns.scanner(), text)
    one, other = patterns.scanner(), patterns.scanner()
    spans, others = [], []
    for char, reverse in zip(text, reversed(text), strict=True):
        spans += one.feed(char)
        others += other.feed(reverse)
    assert alone == spans + one.finish()
    assert read(patterns.scanner(), text[::-1]) == others + other.finish()


def test_a_known_text_needs_no_work() -> None:
    patterns = PatternSet([Pattern("card", r"\d(?:[ -]?\d){12,18}", "0-9", "0-9")])
    text = "pay 1234 5678-90 12345678901234567890 now " * 20
    read(patterns.scanner(), [text])
    built = patterns.transitions_built
    read(patterns.scanner(), [text])
    assert built == patterns.transitions_built


def test_the_work_grows_with_the_text_and_never_explodes() -> None:
    # Backtracking takes 2 ** 25 steps for the first pattern, and reads the text again from every start for the others.
    patterns = PatternSet(
        [
            Pattern("nested", "(?:(?:a?){25}){2}a{25}b"),
            Pattern("overlapping", "(?:a|a|aa){1,20}c"),
            Pattern("any", "[ab]{1,20}[a-c]{1,20}d"),
        ],
        cells=500,
    )
    text = "aab" * 500
    assert read(patterns.scanner(), [text]) == []
    assert patterns.transitions_built <= len(text)


def test_characters_of_one_kind_share_the_work() -> None:
    patterns = PatternSet([Pattern("run", "[^ ]{2,3}x")])
    read(patterns.scanner(), [" ".join(chr(code) for code in range(0x4E00, 0x5E00))])
    assert patterns.transitions_built < 10


def test_a_run_that_never_ends_is_reported_once_per_end_not_once_per_start() -> None:
    patterns = PatternSet([Pattern("run", "a{3,9}")])
    found = read(patterns.scanner(), "a" * 200)
    assert len(found) == 198
    assert clusters(of_rule(found, "run")) == [(0, 200)]
