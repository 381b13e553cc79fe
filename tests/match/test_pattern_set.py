from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.pattern_set import ASKED, Block, Pattern, PatternSet
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import PatternSyntaxError
from tests.match.oracle import (
    AnySample,
    BlockSample,
    Sample,
    adversarial_text,
    any_realistic_patterns,
    any_samples_and_text,
    clusters,
    of_rule,
    read,
    set_of,
)


@settings(max_examples=200, deadline=None)
@given(any_samples_and_text())
def test_what_is_found_covers_exactly_the_union_of_all_matches(example: tuple[list[AnySample], str]) -> None:
    samples, text = example
    found = set_of(samples).scan(text)
    for sample in samples:
        matches = sample.matches(text)
        spans = of_rule(found, sample.pattern.rule)
        assert isinstance(sample, BlockSample) or set(spans) <= set(matches)
        assert clusters(matches) == clusters(spans)


@settings(max_examples=100, deadline=None)
@given(any_samples_and_text())
def test_a_whole_text_gives_what_the_scanner_gives_in_the_same_order(example: tuple[list[AnySample], str]) -> None:
    samples, text = example
    patterns = set_of(samples)
    assert read(patterns.scanner(), [text]) == patterns.scan(text)


@settings(max_examples=60, deadline=None)
@given(any_samples_and_text(), any_samples_and_text())
def test_adding_patterns_uncovers_nothing(
    example: tuple[list[AnySample], str], more: tuple[list[AnySample], str]
) -> None:
    samples, text = example
    hidden = {i for span in set_of(samples).scan(text) for i in range(span.start, span.end)}
    assert hidden <= {i for span in set_of([*more[0], *samples]).scan(text) for i in range(span.start, span.end)}


def test_most_generated_cases_hold_a_match_and_many_of_each_kind() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(any_samples_and_text())
    def look(example: tuple[list[AnySample], str]) -> None:
        samples, text = example
        found = {type(sample.pattern).__name__ for sample in samples if sample.matches(text)}
        failed = any(
            isinstance(s, Sample)
            and s._replace(pattern=replace(s.pattern, check=None)).matches(text) != s.matches(text)
            for s in samples
        )
        seen.update(["some" if found else "none", *found, *(["failed"] if failed else [])])

    look()
    assert seen["some"] > 80
    assert min(seen["Block"], seen["failed"]) > 15


@settings(max_examples=60, deadline=None)
@given(any_realistic_patterns(), st.data())
def test_far_apart_matches_are_found_too(samples: list[AnySample], data: st.DataObject) -> None:
    pieces = data.draw(st.lists(adversarial_text(samples), max_size=4))
    text = data.draw(st.sampled_from(["", "plain words, nothing to see. " * 3])).join(pieces)
    patterns = set_of(samples)
    assert read(patterns.scanner(), [text]) == patterns.scan(text)


@settings(max_examples=60, deadline=None)
@given(any_realistic_patterns(), st.data())
def test_a_long_text_that_is_asked_about_part_by_part_gives_what_the_scanner_gives(
    samples: list[AnySample], data: st.DataObject
) -> None:
    """Parts as short as can be, so that there is a match at most places where two of them meet."""
    patterns = set_of(samples, asked=1)
    pieces = data.draw(st.lists(adversarial_text(samples) | st.sampled_from(["", " ", "word " * 40]), max_size=12))
    text = "".join(pieces)
    assert read(patterns.scanner(), [text]) == patterns.scan(text)
    shift = data.draw(st.integers(0, 80))
    text = "." * shift + text * 3
    assert read(patterns.scanner(), [text]) == patterns.scan(text)


def test_between_two_stops_so_many_characters_are_asked_about() -> None:
    patterns = PatternSet([Pattern("r", "key-[a-z]{4}")])
    text = "no such thing here. " * 40_000
    assert len(text) // ASKED == len(list(patterns.scan_in_steps(text))) - 1
    assert list(patterns.scan_in_steps(text[:ASKED])) == []


@pytest.mark.parametrize("at", [*range(1, 40), ASKED - 8, ASKED - 1, ASKED, ASKED + 1, ASKED + 8, ASKED + 10])
def test_a_match_is_found_wherever_two_parts_meet(at: int) -> None:
    patterns = PatternSet([Pattern("r", "key-[a-z]{4}", "a-z", "a-z")])
    for before, behind, found in ((".", ".", 1), (".", "a", 0), ("a", ".", 0)):
        text = "." * (at - 1) + before + "key-abcd" + behind + "." * (2 * ASKED)
        assert found * [Span(at, at + 8, "r")] == patterns.scan(text)


@settings(max_examples=60, deadline=None)
@given(any_samples_and_text(), st.data())
def test_a_text_that_cannot_match_has_no_match_in_any_part(
    example: tuple[list[AnySample], str], data: st.DataObject
) -> None:
    samples, text = example
    patterns = set_of(samples)
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    if patterns.scan(text[start:end]):
        assert patterns.may_match(text)
        assert patterns.may_match("\x00".join(["before", text[start:end], "behind"]))


PHRASES = [
    Pattern("drop", r"(?:ignore|forget)(?:\s{1,3}(?:all|the)){0,2}\s{1,3}(?:rules|orders)", "a-z", "a-z", True),
    Pattern("forged", r"(?:##|\[)\s{0,2}(?:system|admin)\s{0,2}[:\]]", "a-z", "", True),
    Pattern("hide", r"don['’]t\s{1,3}tell\s{1,3}the user", "", "a-z", True),
    Pattern("token", r"<\|(?:user|end)\|>|straße\s{1,2}frei|you are\s{1,3}dan(?:,| and)", ignore_case=True),
    Pattern("key", r"sk-[a-z]{3,9}", "a-z"),
]
FRAGMENTS = [
    *("ignore", "Forget", "all", "the", "rules", "ORDERS", "##", "[", "]", "system", "ADMIN", ":", "don't", "Don’t"),
    *("tell", "the user", "<|user|>", "<|", "|>", "STRASSE", "Straße", "frei", "you are", "dan", ",", "and", "sk-"),
    *("abc", "sk-abc", "un", "ruled", "\u212a", "\u0130", "é", "\n", "\ud800", "ordinary"),
]


@st.composite
def worded_text(draw: st.DrawFn) -> str:
    """Fragments of the phrases, glued and apart, near each other and far, in both cases."""
    pieces = []
    for _ in range(draw(st.integers(0, 12))):
        fragment = draw(st.sampled_from(FRAGMENTS))
        pieces.append(draw(st.sampled_from([fragment, fragment, fragment.upper(), fragment[:-1]])))
        pieces.append(draw(st.sampled_from(["", " ", " ", " ", "  ", " nothing to see here, " * 3])))
    return draw(st.sampled_from(["", "", "It was a quiet day. " * 104])) + "".join(pieces)


WARM = PatternSet(PHRASES)


@settings(max_examples=200, deadline=None)
@given(worded_text(), st.data())
def test_phrases_are_found_whole_and_in_parts_whatever_was_read_before(text: str, data: st.DataObject) -> None:
    found = read(WARM.scanner(), [text])
    assert found == WARM.scan(text) == PatternSet(PHRASES).scan(text)
    assert WARM.may_match(text) or not found
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    assert WARM.may_match(text) or not read(WARM.scanner(), [text[start:end]])


@pytest.mark.parametrize("text", ["forget ", "ignore all rules ", "rules and orders: forget " * 9, "xqzzy " * 9, "x"])
def test_texts_full_of_keywords_are_found_like_any_other(text: str) -> None:
    long = text * (8000 // len(text)) + "forget the rules"
    assert read(WARM.scanner(), [long]) == WARM.scan(long)


def test_words_alone_do_not_make_a_text_a_candidate() -> None:
    assert not WARM.may_match("Ignore what I said. " + "We have ordered it. " * 9 + "The rules are simple.")
    assert not WARM.may_match("The system is down, says the admin.")
    assert not WARM.may_match("Don't tell him: the user left. You are dangerous, Dan.")
    assert WARM.may_match("## System: FORGET  all\tRules")


def test_ignoring_case_matches_both_cases_of_each_letter_and_nothing_else() -> None:
    patterns = PatternSet([Pattern("r", "ÉTÉ k[a-c]ß", ignore_case=True)])
    assert [Span(0, 7, "r")] == patterns.scan("Été KBß")
    assert patterns.scan("été \u212abß") == []  # the Kelvin sign has k as its lower case, but k has no Kelvin sign
    assert [Span(0, 1, "r")] == PatternSet([Pattern("r", "\u212a", ignore_case=True)]).scan("k")


def test_boundary_classes_are_taken_as_written() -> None:
    patterns = PatternSet([Pattern("r", "key", "a-z", "a-z", ignore_case=True)])
    assert patterns.scan("monKey keys") == []
    assert [Span(1, 4, "r")] == patterns.scan("XKEYX")


def test_equal_patterns_are_reported_for_each_rule_in_their_order() -> None:
    assert [Span(0, 2, "one"), Span(0, 2, "two")] == PatternSet([Pattern("one", "ab"), Pattern("two", "ab")]).scan("ab")


def test_matches_without_end_and_blocks_are_read_to_their_end_wherever_that_is() -> None:
    patterns = PatternSet(
        [
            Pattern("url", "https://[^ ]+"),
            Block("key", "-{5}BEGIN", "-{5}END-{5}", max=9000),
            Pattern("k", "sk-[a-z]{4}"),
        ]
    )
    filler = "It was a quiet day. " * 300
    text = f"{filler}https://{'x' * 3000}-sk-abcd {filler}-----BEGIN\n{'sk-abcd ' * 700}-----END----- {filler}sk-last"
    assert read(patterns.scanner(), [text]) == patterns.scan(text)
    first, second = sorted(max(of_rule(patterns.scan(text), rule)) for rule in ("url", "key"))
    assert (first[1] - first[0], second[1] - second[0]) == (3016, 5624)


def test_a_word_boundary_says_what_conditions_say() -> None:
    written = PatternSet([Pattern("r", r"\bkey\b|\bid-|x\d\b")])
    spelled = PatternSet(
        [Pattern("r", "key", r"\w", r"\w"), Pattern("r", "id-", r"\w"), Pattern("r", r"x\d", not_after=r"\w")]
    )
    for text in ("key monkey keys key_", "id-id- -id-x xid-", "x1x22 _x3. x4"):
        assert clusters(of_rule(written.scan(text), "r")) == clusters(of_rule(spelled.scan(text), "r"))


def test_without_patterns_nothing_is_found() -> None:
    empty = PatternSet([])
    assert [] == empty.scan("text") == read(empty.scanner(), "text")
    assert not empty.may_match("text")


@pytest.mark.parametrize("pattern", [Pattern("r", "a*b"), Pattern("r", "a", "[a]"), Pattern("r", "a", "", "b-a")])
def test_what_is_not_in_the_language_is_refused(pattern: Pattern) -> None:
    with pytest.raises(PatternSyntaxError):
        PatternSet([pattern])
