from __future__ import annotations

from guardproxy.core.allowance import Allowance
from guardproxy.core.joined_reading import Onward, Reading, Unread
from guardproxy.core.joined_text import JoinedText
from tests.support.strategies import make_kit

KIT = make_kit({"word": "s-[0-9]{3}-t"})


def text() -> JoinedText:
    """A text that only readings read."""
    return JoinedText([Unread()], KIT.rules, lambda hit: None, Allowance(None))


def read(texts: list[tuple[JoinedText, str]], seam: str = "") -> Reading:
    reading = Reading(KIT.detectors[0].scanner(), 0, seam, texts[0][0])
    for at, (guard, said) in enumerate(texts):
        if at:
            reading.end_part()
            reading.go_on(guard)
        guard.feed(said)
        assert (Onward(reading).feed(said), Onward(reading).finish()) == ((), ())
    return reading


def settled(guard: JoinedText) -> str:
    guard.end(0)
    guard.settle(99)
    return guard.take()


def test_each_text_is_told_its_part_of_what_is_found() -> None:
    first, second, third = text(), text(), text()
    reading = read([(first, "it is s-1"), (second, "23"), (third, "-t, so")])
    assert [settled(one) for one in (first, second, third)] == ["it is [WORD]", "[WORD]", "[WORD], so"]
    assert reading.safe_in(first) > 9


def test_what_may_go_on_in_the_next_text_is_not_sure() -> None:
    first, second = text(), text()
    reading = read([(first, "it is s-1"), (second, "2")])
    assert (reading.safe_in(first), reading.safe) == (6, -3)


def test_with_a_line_end_in_every_cut_a_match_ends_there() -> None:
    first, second = text(), text()
    read([(first, "it is s-1"), (second, "23-t")], "\n")
    assert [settled(one) for one in (first, second)] == ["it is s-1", "23-t"]


def test_a_reading_that_has_gone_on_tells_what_is_found_if_no_text_follows() -> None:
    first = text()
    assert read([(first, "s-123-t")]).pause() == 0  # the text by itself found that
    first, second = text(), text()
    read([(first, "s-12"), (second, "3-t")]).pause()
    assert settled(second) == "[WORD]"


def test_of_a_text_that_is_not_read_yet_nothing_is_sure() -> None:
    unread = Unread()
    assert (unread.feed("a"), unread.finish(), unread.safe, unread.work, unread.fork()) == ((), (), 0, 0, unread)
