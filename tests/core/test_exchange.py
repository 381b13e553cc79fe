from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import ALONE, NO_RULE, Coverage, Provenance, RequestReading, Segment

segments = st.builds(Segment, st.text(max_size=5), st.sampled_from(Provenance), st.just(("messages", 0, "content")))
reasons = st.lists(st.sampled_from(["image", "audio", "file", "unknown"]), max_size=4)


def grouped(some: list[Segment]) -> dict[Provenance, list[Segment]]:
    return {
        provenance: [segment for segment in some if segment.provenance is provenance]
        for provenance in {segment.provenance for segment in some}
    }


@given(st.lists(segments, max_size=8), reasons)
def test_coverage_counts_what_was_inspected_by_provenance_and_what_was_not_by_reason(
    looked_at: list[Segment], skipped: list[str]
) -> None:
    coverage = Coverage.of(grouped(looked_at), skipped)
    assert dict(Counter(segment.provenance.value for segment in looked_at)) == coverage.inspected
    assert dict(Counter(skipped)) == coverage.skipped
    assert coverage.full == (not skipped)
    assert coverage.extent == ("partial" if skipped else "full")


@given(st.lists(segments, max_size=5), reasons, st.lists(segments, max_size=5), reasons)
def test_coverage_of_two_halves_adds_up(
    first: list[Segment], first_skipped: list[str], second: list[Segment], second_skipped: list[str]
) -> None:
    halves = Coverage.of(grouped(first), first_skipped).plus(Coverage.of(grouped(second), second_skipped))
    assert Coverage.of(grouped([*first, *second]), [*first_skipped, *second_skipped]) == halves


def test_adding_coverages_changes_neither() -> None:
    one, other = Coverage({"user": 1}, {"image": 1}), Coverage({"user": 2})
    assert Coverage({"user": 3}, {"image": 1}) == one.plus(other)
    assert (one, other) == (Coverage({"user": 1}, {"image": 1}), Coverage({"user": 2}))


def test_a_segment_stands_alone_unless_it_is_said_to_run_on() -> None:
    assert Segment("text", Provenance.USER, ()).run == ALONE


def test_the_size_of_a_request_is_in_code_points_over_all_its_texts() -> None:
    texts = [Segment(text, Provenance.USER, ()) for text in ("é😀", "", "abc")]
    assert RequestReading("m", stream=False, segments=tuple(texts)).characters == 5


def test_what_no_rule_is_about_is_no_gap() -> None:
    assert Coverage(skipped={NO_RULE: 3}).extent == "full"
    assert Coverage(skipped={NO_RULE: 3, "image": 1}).extent == "partial"
