"""What a search names is read, and nothing else; the same is found."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.named import Reach, Reading, windows_of
from guardproxy.match.native import native_search
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from tests.match.oracle import AnySample, Sample, any_samples_and_text, samples_and_text, set_of


def read_where(patterns: PatternSet, text: str, ends: list[tuple[int, int]]) -> list[Span]:
    shared, reaches = patterns._shared, [Reach(program) for program in patterns._programs]
    reading = Reading(shared, text)
    for unit, windows in windows_of(ends, shared, reaches, text).items():
        for _ in reading.read(unit, windows):
            pass
    return reading.spans()


@settings(max_examples=150, deadline=None)
@given(any_samples_and_text(), st.data())
def test_what_is_read_where_something_may_end_is_what_is_found_in_all_of_the_text(
    example: tuple[list[AnySample], str], data: st.DataObject
) -> None:
    samples, text = example
    patterns = set_of(samples)
    search = native_search(patterns._programs)
    ends = search.ends_in(text) if search is not None else None
    every = [(part, end) for part in range(len(patterns._programs)) for end in range(1, len(text) + 1)]
    more = data.draw(st.lists(st.sampled_from(every), max_size=5)) if every else []
    expected = patterns.scan(text)
    assert expected == read_where(patterns, text, every)
    if ends is not None:
        assert expected == read_where(patterns, text, [*more, *ends])


@settings(max_examples=100, deadline=None)
@given(samples_and_text())
def test_no_match_begins_before_its_reach(example: tuple[list[Sample], str]) -> None:
    samples, text = example
    for sample in samples:
        reaches = [Reach(program) for program in set_of([sample])._programs]
        shortest: dict[int, int] = {}
        for start, end in sample.matches(text):
            shortest[start] = min(end, shortest.get(start, end))
        for start, end in shortest.items():
            assert min(reach.begin(text, end) for reach in reaches) <= start
            if end < len(text):  # the character behind it may count as its end
                assert min(reach.begin(text, end + 1) for reach in reaches) <= start


def test_a_match_reaches_as_far_as_its_characters_do_and_as_it_is_long() -> None:
    [key] = PatternSet([Pattern("key", "k-[a-z]{3,9}")])._programs
    reach = Reach(key)
    assert reach.begin("see k-abc", 9) == 4
    assert reach.begin("k-abcdefghijklmno", 17) == 5
    [line] = PatternSet([Pattern("line", "k.{3,20}", not_after="x")])._programs
    assert Reach(line).begin("one\nk two", 9) == 4


def test_only_units_that_are_named_are_read_and_only_where() -> None:
    patterns = PatternSet([Pattern("key", "key-[0-9]{4}"), Pattern("tok", "tok-[0-9]{4}")])
    text = "tok-1234 " + "nothing to see " * 500 + "key-1234, tok-1234"
    key = patterns._shared.rules.index("key")
    found = read_where(patterns, text, [(key, text.index("key-") + 8)])
    assert [span.rule for span in found] == ["key"]
    assert patterns.work < 60


def test_a_match_without_an_end_is_read_to_its_end() -> None:
    patterns = PatternSet([Pattern("key", "key-[0-9]{4,}")])
    text = "key-" + "1" * 9000 + " key-123 key-" + "2" * 40
    assert read_where(patterns, text, [(0, 8), (0, 9021)]) == patterns.scan(text)
