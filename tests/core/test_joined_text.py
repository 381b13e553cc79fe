from __future__ import annotations

from guardproxy.core.allowance import Allowance
from guardproxy.core.joined_text import JoinedText
from guardproxy.match.scanner import Span
from tests.support.strategies import Kit, make_kit

KIT = make_kit({"word": "secret", "name": "ec"})


def text(kit: Kit = KIT, allowance: Allowance | None = None) -> JoinedText:
    scanners = [one.scanner() for one in kit.detectors]
    return JoinedText(scanners, kit.rules, lambda hit: None, Allowance(None) if allowance is None else allowance)


def test_what_begins_behind_what_is_sure_waits_for_the_texts_that_follow() -> None:
    one = text()
    assert (one.feed("a sec"), one.end(2), one.held) == ("a ", "", 3)
    one.settle(3)
    assert (one.take(), one.take(), one.held) == ("s", "", 2)
    one.settle(99)
    assert (one.take(), one.held) == ("[NAME]", 0)


def test_what_is_learned_of_a_join_names_what_is_left_of_a_match() -> None:
    one = text()
    one.learn(1, Span(-2, 1, "test.name"))
    one.learn(1, Span(-3, 3, "test.word"))
    assert one.feed("ret!") == "[WORD]!"


def test_what_is_learned_too_late_changes_nothing() -> None:
    one = text()
    assert one.feed("all of it") + one.end(99) == "all of it"
    one.learn(1, Span(0, 3, "test.word"))
    one.settle(99)
    assert one.take() == ""


def test_a_text_that_is_given_up_shows_no_more() -> None:
    one = text(allowance=Allowance(0))
    one.feed("a sec")
    one.end(2)
    one.give_up()
    assert (one.take(), one.blocked is not None, one.scans) == ("", True, False)
