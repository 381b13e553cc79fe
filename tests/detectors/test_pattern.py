from __future__ import annotations

import pytest

from guardproxy.core.policy import Detector
from guardproxy.detectors import DETECTORS
from guardproxy.detectors.pattern import PatternOptions, build
from guardproxy.errors import RuleError
from guardproxy.match.scanner import Span


def test_a_detector_holds_all_rules_and_names_them() -> None:
    detector: Detector = build(
        [
            ("pack.key", PatternOptions(r"key-\d{4}", not_before="a-z", not_after="0-9")),
            ("pack.phrase", PatternOptions("open sesame", ignore_case=True)),
        ]
    )
    text = "Open Sesame: key-1234, monkey-1234, key-12345"
    assert [Span(0, 11, "pack.phrase"), Span(13, 21, "pack.key")] == list(detector.scan(text))
    assert detector.may_match(text)
    assert not detector.may_match("nothing of the kind")
    scanner = detector.scanner()
    assert [*scanner.feed(text), *scanner.finish()] == list(detector.scan(text))


@pytest.mark.parametrize(
    ("options", "option", "offset", "cure"),
    [
        (PatternOptions("ab+c"), "pattern", 2, "write {1,200}"),
        (PatternOptions("ab+", not_after="a-z"), "pattern", 2, "out of not_after"),
        (PatternOptions(r"a\bb"), "pattern", 1, "use not_before / not_after"),
        (PatternOptions("ab?", check="luhn"), "pattern", 0, "say with not_after"),
        (PatternOptions("key-[a-z]{9}", at_end=4), "at_end", 0, "raise it"),
        (PatternOptions("key-[a-z]{9}", at_end=20), "at_end", 0, "lower it"),
        (PatternOptions("[a-z]{20}", at_end=8), "at_end", 0, "leave it out"),
        (PatternOptions("key-[a-z]{9}", at_end=8, check="luhn"), "at_end", None, "leave one of the two out"),
        (PatternOptions("ab", check="lun"), "check", None, "did you mean luhn"),
        (PatternOptions("ab", not_before="[a-z]"), "not_before", 0, "write what stands inside"),
        (PatternOptions("ab", not_after="a-zz-a"), "not_after", 3, "write a-z"),
    ],
)
def test_a_mistake_is_reported_with_its_option_and_offset(
    options: PatternOptions, option: str, offset: int | None, cure: str
) -> None:
    with pytest.raises(RuleError) as refused:
        build([("pack.rule", options)])
    assert (option, offset) == (refused.value.option, refused.value.offset)
    assert cure in refused.value.message


def test_a_match_may_have_to_pass_a_check() -> None:
    detector = build(
        [("pack.card", PatternOptions(r"\d(?:[ -]?\d){7}", not_before="0-9", not_after="0-9", check="luhn"))]
    )
    assert [Span(17, 26, "pack.card")] == list(detector.scan("order 1234 5678, 1234-5674"))


def test_a_match_may_be_cut_off_by_the_end_of_the_text() -> None:
    detector = build([("pack.key", PatternOptions("key-[a-z]{9}", at_end=8))])
    assert [Span(3, 12, "pack.key")] == list(detector.scan("is key-abcde"))
    assert [Span(3, 12, "pack.key")] == list(detector.scan("is ｋey-abcde"))
    assert list(detector.scan("is key-abcde or")) == []


def test_a_match_counts_as_it_is_written_as_it_is_seen_and_where_nobody_sees_it() -> None:
    detector = build([("pack.key", PatternOptions("key-[a-zß]{4}", not_after="a-z"))])
    hidden = "".join(chr(0xE0000 + ord(char)) for char in "key-abcd")
    found = sorted(detector.scan(f"kеy-аbcd, key-abcß, key-abcdª or {hidden}"))
    assert [(span.start, span.end) for span in found] == [(0, 8), (10, 18), (20, 28), (33, 41)]


def test_rules_can_name_it() -> None:
    assert (PatternOptions, build) == DETECTORS["pattern"]
