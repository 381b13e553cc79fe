from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.hit import Hit
from guardproxy.core.rewrite import hides
from guardproxy.core.stream import StreamGuard
from guardproxy.core.verdict import Action
from guardproxy.detectors.pattern import PatternOptions
from tests.support.strategies import (
    HIDING,
    NOT_BLOCKING,
    Kit,
    cut_places,
    feed_every_way,
    kits,
    make_kit,
    matches_by_definition,
    plain_options,
    secrets_kit,
    short_texts,
    texts,
    texts_with_secrets,
    ways_of_cutting,
)


def guard(kit: Kit, hits: list[Hit] | None = None) -> StreamGuard:
    told: list[Hit] = [] if hits is None else hits
    return StreamGuard([d.scanner() for d in kit.detectors], kit.rules, told.append)


def guards(kit: Kit) -> Callable[[], StreamGuard]:
    return lambda: guard(kit)


def fed(guard: StreamGuard, text: str) -> str:
    return guard.feed(text) + guard.finish()


@given(kits(actions=HIDING), short_texts, st.integers(0, 20))
def test_a_place_behind_what_was_hidden_has_moved_as_far_as_the_text_there(kit: Kit, text: str, at: int) -> None:
    one = guard(kit)
    shown = one.feed(text[:at]) + one.feed(text[at:]) + one.finish()
    moved = one.moved
    assert (moved is None) == (not one.edited)
    if moved is not None:
        assert text[: moved.start] == shown[: moved.start]
        assert text[moved.end :] == shown[moved.end + moved.shift :]
        assert len(shown) == len(text) + moved.shift


# ---------------------------------------------------------------- the way of cutting changes nothing


@given(kits(), texts, cut_places)
def test_every_way_of_cutting_gives_what_the_whole_text_gives(kit: Kit, text: str, cuts: list[int]) -> None:
    expected, _ = kit.released(text)
    assert {expected} == {"".join(outs) for outs in feed_every_way(guards(kit), text, cuts)}


@given(kits(), short_texts)
def test_every_single_cut_gives_what_the_whole_text_gives(kit: Kit, text: str) -> None:
    expected, _ = kit.released(text)
    for at in range(len(text) + 1):
        one = guard(kit)
        assert expected == one.feed(text[:at]) + one.feed(text[at:]) + one.finish()


@given(texts_with_secrets(), cut_places)
def test_credentials_are_redacted_alike_however_they_are_cut(text: str, cuts: list[int]) -> None:
    expected, _ = secrets_kit().released(text)
    assert {expected} == {"".join(outs) for outs in feed_every_way(guards(secrets_kit()), text, cuts)}


@given(kits(actions=HIDING), short_texts, cut_places)
def test_what_leaves_is_what_no_match_holds(kit: Kit, text: str, cuts: list[int]) -> None:
    """Against the definition: every match of every rule, found by brute force, is hidden, and nothing else is."""
    hidden = {at for start, end, _ in matches_by_definition(kit, text) for at in range(start, end)}
    visible = "".join(char for at, char in enumerate(text) if at not in hidden)
    for outs in feed_every_way(guards(kit), text, cuts):
        shown = "".join(outs)
        for rule in kit.rules.values():
            shown = shown.replace(rule.placeholder, "")
        assert visible == shown


@given(kits(), texts, cut_places)
def test_a_rule_that_blocks_lets_the_text_before_it_out_and_nothing_after(kit: Kit, text: str, cuts: list[int]) -> None:
    expected, blocks = kit.released(text)
    for pieces in ways_of_cutting(text, cuts):
        one = guard(kit)
        shown = "".join(one.feed(piece) for piece in pieces) + one.finish()
        assert (expected, blocks) == (shown, one.blocked is not None)
        if one.blocked:
            assert one.blocked.action is Action.BLOCK
            assert (one.feed(text), one.finish(), one.held) == ("", "", 0)


@given(kits(actions=NOT_BLOCKING), texts, cut_places)
def test_the_same_matches_are_told_however_the_text_is_cut(kit: Kit, text: str, cuts: list[int]) -> None:
    expected = {(span.rule, span.start) for span in kit.spans(text)}
    for pieces in ways_of_cutting(text, cuts):
        hits: list[Hit] = []
        one = guard(kit, hits)
        for piece in pieces:
            one.feed(piece)
        one.finish()
        told = [(hit.rule.id, hit.start) for hit in hits]
        assert expected == set(told)
        assert len(told) == len(expected)


def test_most_generated_cases_hold_a_match() -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=150, database=None, derandomize=True)
    @given(kits(), texts, texts_with_secrets())
    def look(kit: Kit, text: str, secret: str) -> None:
        seen["letters", bool(kit.hiding(text))] += 1
        seen["blocks", kit.released(text)[1]] += 1
        seen["secrets", bool(secrets_kit().hiding(secret))] += 1

    look()
    assert seen["letters", True] > seen["letters", False]
    assert seen["secrets", True] > seen["secrets", False]
    assert seen["blocks", True] > 15


# ---------------------------------------------------------------- a text that may have ended


@given(kits(), texts)
def test_a_pause_lets_out_what_the_end_would(kit: Kit, text: str) -> None:
    one = guard(kit)
    assert kit.released(text)[0] == one.feed(text) + one.pause()
    assert one.held == 0
    assert (one.pause(), one.finish()) == ("", "")


@given(kits(actions=HIDING), short_texts, st.lists(st.integers(0, 12), max_size=3))
def test_a_text_that_goes_on_shows_of_a_match_only_what_stood_before_a_pause(
    kit: Kit, text: str, pauses: list[int]
) -> None:
    """Up to a pause what the end there would show, and behind it nothing of any match of the whole text."""
    ends = [*sorted({at for at in pauses if at < len(text)}), len(text)]
    one, shown, begin, visible = guard(kit), "", 0, ""
    for end in ends:
        shown += one.feed(text[begin:end]) + (one.pause() if end < len(text) else one.finish())
        hidden = {at for start, to, _ in matches_by_definition(kit, text[:end]) for at in range(start, to)}
        visible += "".join(text[at] for at in range(begin, end) if at not in hidden)
        begin = end
    for rule in kit.rules.values():
        shown = shown.replace(rule.placeholder, "")
    assert visible == shown


@given(texts_with_secrets(), st.integers(0, 999))
def test_a_pause_in_which_nothing_is_held_changes_nothing(text: str, at: int) -> None:
    one = guard(secrets_kit())
    shown = one.feed(text[: at % (len(text) + 1)])
    if not one.held:
        shown += one.pause()
    shown += one.feed(text[at % (len(text) + 1) :]) + one.finish()
    assert secrets_kit().released(text)[0] == shown


def test_what_was_cut_off_at_a_pause_stays_one_secret_when_it_goes_on() -> None:
    kit = make_kit({"key": PatternOptions("sk-[a-z]{12}", at_end=8)})
    hits: list[Hit] = []
    one = guard(kit, hits)
    assert one.feed("is sk-abcdefg") + one.pause() == "is [KEY]"
    assert one.feed("hijkl!") + one.finish() == "!"
    assert [(hit.start, hit.end) for hit in hits] == [(3, 13)]


# ---------------------------------------------------------------- nothing leaves early


@given(kits(), texts)
def test_what_has_left_is_never_taken_back(kit: Kit, text: str) -> None:
    """What any prefix lets out begins what the whole text lets out, also when the text ends right there."""
    one = guard(kit)
    shown = ""
    for at, char in enumerate(text, 1):
        shown += one.feed(char)
        assert kit.released(text)[0].startswith(shown)
        assert kit.released(text[:at])[0].startswith(shown)


@given(texts_with_secrets(), texts_with_secrets())
def test_what_has_left_stays_right_whatever_follows(text: str, continuation: str) -> None:
    shown = guard(secrets_kit()).feed(text)
    assert secrets_kit().released(text + continuation)[0].startswith(shown)


@given(kits(actions=HIDING), short_texts)
def test_no_character_of_a_match_ever_leaves(kit: Kit, text: str) -> None:
    """Told by position: each character of the text is followed through to the output by feeding it alone."""
    hidden = {at for span in kit.hiding(text) for at in range(span.start, span.end)}
    one = guard(kit)
    shown = "".join(map(one.feed, text)) + one.finish()
    for rule in kit.rules.values():
        shown = shown.replace(rule.placeholder, "")
    assert len(text) - len(hidden) == len(shown)


@given(kits(), texts)
def test_only_text_that_can_become_a_match_waits(kit: Kit, text: str) -> None:
    one = guard(kit)
    one.feed(text)
    assert one.held == 0 or not one.blocked
    one.feed("\n" * 2)  # no pattern of the kit goes on over this
    assert one.held == 0


def test_text_is_held_only_as_long_as_it_could_be_a_match() -> None:
    one = guard(make_kit({"r": "ab{1,5}c"}))
    assert [one.feed(piece) for piece in ("x y ", "a", "bb", "b", "d ", "a")] == ["x y ", "", "", "", "abbbd ", ""]
    assert one.finish() == "a"


def test_the_placeholder_leaves_while_its_match_still_grows() -> None:
    one = guard(make_kit({"r": "ab{1,50}"}))
    assert [one.feed(piece) for piece in ("x ab", "bbb", "bbb y")] == ["x [R]", "", " y"]


# ---------------------------------------------------------------- no residue


@given(kits(actions=HIDING, options=plain_options), texts)
def test_looking_again_finds_nothing(kit: Kit, text: str) -> None:
    assert kit.hiding(fed(guard(kit), text)) == []


@given(kits(actions=HIDING), texts)
def test_looking_again_finds_at_most_what_a_neighbour_kept_from_being_a_match(kit: Kit, text: str) -> None:
    """A rule that says what must not stand next to a match can find one where the neighbour itself is now hidden."""
    shown = fed(guard(kit), text)
    for span in kit.hiding(shown):
        assert shown[span.start - 1 : span.start] == "]" or shown[span.end : span.end + 1] == "["


@given(texts_with_secrets())
def test_looking_again_finds_no_credential(text: str) -> None:
    shown = fed(guard(secrets_kit()), text)
    for span in secrets_kit().hiding(shown):
        assert shown[span.start - 1 : span.start] == "]" or shown[span.end : span.end + 1] == "["


# ---------------------------------------------------------------- clusters and their names


def test_each_of_several_matches_in_one_piece_is_hidden() -> None:
    assert fed(guard(make_kit({"r": "ab"})), "x ab y abab z") == "x [R] y [R][R] z"


def test_matches_that_overlap_are_one_placeholder_named_after_the_first() -> None:
    kit = make_kit({"early": "abc", "late": "bcd"})
    assert fed(guard(kit), "abcd") == "[EARLY]"


def test_matches_that_only_touch_are_two_placeholders() -> None:
    assert fed(guard(make_kit({"one": "ab", "two": "cd"})), "abcd") == "[ONE][TWO]"


def test_of_two_matches_with_one_start_the_first_detector_names_the_cluster() -> None:
    assert fed(guard(make_kit({"long": "abcd"}, {"short": "ab"})), "abcd") == "[LONG]"
    assert fed(guard(make_kit({"long": "abcd", "short": "ab"})), "abcd") == "[SHORT]"


def test_a_rule_that_flags_neither_hides_nor_names_nor_lengthens() -> None:
    kit = make_kit({"flag": "abcd", "hide": "bc"}, actions={"flag": Action.FLAG})
    hits: list[Hit] = []
    assert fed(guard(kit, hits), "abcd") == "a[HIDE]d"
    assert {"test.flag", "test.hide"} == {hit.rule.id for hit in hits}


def test_a_block_inside_a_redacted_match_ends_the_text_at_its_placeholder() -> None:
    kit = make_kit({"hide": "ab{1,3}c"}, {"stop": "bc1"}, actions={"stop": Action.BLOCK})
    for outs in feed_every_way(guards(kit), "x abbc1 y"):
        assert "".join(outs) == "x [HIDE]"


def test_without_scanners_text_passes() -> None:
    one = StreamGuard([], {}, print)
    assert (one.feed("text"), one.finish(), one.held) == ("text", "", 0)


# ---------------------------------------------------------------- what the listener is told


@given(kits(actions=NOT_BLOCKING), texts, cut_places)
def test_a_hit_tells_where_the_match_is_and_shows_the_text_up_to_its_end(kit: Kit, text: str, cuts: list[int]) -> None:
    spans = {(span.rule, span.start): span.end for span in kit.spans(text)}
    for pieces in ways_of_cutting(text, cuts):
        hits: list[Hit] = []
        one = guard(kit, hits)
        for piece in pieces:
            one.feed(piece)
        one.finish()
        for hit in hits:
            assert hit.start < hit.end <= spans[hit.rule.id, hit.start]
            shown = hit.context[hit.at :]
            assert text[hit.start : hit.end].endswith(shown)
            if hit.start + len(shown) < hit.end:  # its beginning was hidden before
                assert hit.context[: hit.at].endswith("]")


@given(kits(actions=HIDING), texts, cut_places)
def test_the_text_shown_before_a_match_holds_no_earlier_match(kit: Kit, text: str, cuts: list[int]) -> None:
    shown, _ = kit.released(text)
    for pieces in ways_of_cutting(text, cuts):
        hits: list[Hit] = []
        one = guard(kit, hits)
        for piece in pieces:
            one.feed(piece)
        one.finish()
        for hit in hits:
            assert shown.startswith(hit.context[: hit.at])


def test_many_matches_in_one_large_piece_cost_what_they_are_long() -> None:
    kit = make_kit({"flag": PatternOptions("aa1")}, actions={"flag": Action.FLAG})
    hits: list[Hit] = []
    text = "aa1 " * 20_000
    assert text == fed(guard(kit, hits), text)
    assert len(hits) == 20_000
    assert max(len(hit.context) for hit in hits) <= 600


@pytest.mark.parametrize("actions", list(itertools.product([Action.REDACT, Action.FLAG], repeat=2)))
def test_adding_a_rule_never_shows_more(actions: tuple[Action, Action]) -> None:
    @settings(max_examples=60, database=None)
    @given(kits(actions=HIDING), short_texts, st.sampled_from(["ab", "b{1,3}", "a[bc]a"]))
    def more_rules_hide_more(kit: Kit, text: str, pattern: str) -> None:
        wider = make_kit(
            *({name.partition(".")[2]: options for name, options in group} for group in kit.groups),
            {"one_more": pattern, "another": "ca"},
            actions={"one_more": actions[0], "another": actions[1]},
        )
        before = {at for span in kit.hiding(text) for at in range(span.start, span.end)}
        after = {at for span in wider.hiding(text) for at in range(span.start, span.end)}
        assert before <= after
        assert all(hides(wider.rules[span.rule]) for span in wider.hiding(text))

    more_rules_hide_more()


@pytest.mark.parametrize("cut", range(5))
def test_a_match_that_begins_in_what_is_hidden_is_told_by_its_rest(cut: int) -> None:
    hits: list[Hit] = []
    one = guard(make_kit({"early": "abc", "late": "bcd"}), hits)
    assert one.feed("abcd"[:cut]) + one.feed("abcd"[cut:]) + one.finish() == "[EARLY]"
    assert [(hit.rule.id, hit.context[hit.at :]) for hit in hits] == [("test.early", "abc"), ("test.late", "d")]


def test_what_is_held_is_not_decided() -> None:
    one = guard(make_kit({"r": "ab"}))
    assert one.feed("x a") == "x "
    assert [one.decides(place) for place in range(4)] == [True, True, True, False]


def test_of_a_match_that_began_before_a_pause_what_was_shown_has_not_moved() -> None:
    one = guard(make_kit({"r": "abcd"}))
    shown = one.feed("x ab") + one.pause() + one.feed("cd y") + one.finish()
    assert shown == "x ab[R] y"
    assert one.moved == (4, 6, 1)
