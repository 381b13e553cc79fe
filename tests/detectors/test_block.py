from __future__ import annotations

import pytest

from guardproxy.core.policy import Detector
from guardproxy.detectors import DETECTORS
from guardproxy.detectors.block import BlockOptions, build
from guardproxy.errors import RuleError
from guardproxy.match.parts import MOST_BLOCK
from guardproxy.match.scanner import Span

FENCE = BlockOptions("<secret>", "</secret>", 40, not_before="a-z", ignore_case=True)


def test_a_detector_holds_all_rules_and_hides_from_a_start_to_its_end() -> None:
    detector: Detector = build([("pack.fence", FENCE), ("pack.note", BlockOptions("note:", r"\n", 100))])
    text = "see <Secret>1234</secret>, note: no\n x"
    assert [Span(4, 25, "pack.fence"), Span(27, 36, "pack.note")] == list(detector.scan(text))
    assert detector.may_match(text)
    assert not detector.may_match("nothing of the kind")
    scanner = detector.scanner()
    assert [*scanner.feed(text), *scanner.finish()] == list(detector.scan(text))


def test_a_block_in_disguise_is_a_block() -> None:
    detector = build([("pack.fence", FENCE)])
    assert [Span(0, 18, "pack.fence")] == list(detector.scan("＜secret＞é</ѕecret> x"))


def test_a_block_without_an_end_is_hidden_up_to_its_bound() -> None:
    assert [Span(1, 49, "pack.fence")] == list(build([("pack.fence", FENCE)]).scan(" <secret>" + "." * 50))


@pytest.mark.parametrize(
    ("options", "option", "offset", "cure"),
    [
        (BlockOptions("a+b", "c", 9), "start", 1, "write {1,200}"),
        (BlockOptions("ab", "c*", 9), "end", 0, "empty text"),
        (BlockOptions("ab", "(c", 9), "end", 0, "write \\("),
        (BlockOptions("ab", "c", 9, not_before="[a-z]"), "not_before", 0, "write what stands inside"),
        (BlockOptions("ab", "c", 0), "max", None, "1 to 1,000,000"),
        (BlockOptions("ab", "c", MOST_BLOCK + 1), "max", None, "1 to 1,000,000"),
    ],
)
def test_a_mistake_is_reported_with_its_option_and_offset(
    options: BlockOptions, option: str, offset: int | None, cure: str
) -> None:
    with pytest.raises(RuleError) as refused:
        build([("pack.rule", options)])
    assert (option, offset) == (refused.value.option, refused.value.offset)
    assert cure in refused.value.message


def test_rules_can_name_it() -> None:
    assert (BlockOptions, build) == DETECTORS["block"]
