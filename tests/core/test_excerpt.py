from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.excerpt import MASK, mask_excerpt, printable, without_parts

# Every code point of this text is unique, so an excerpt tells exactly which positions it shows.
NUMBERED = "".join(chr(0x4E00 + i) for i in range(300))
anywhere = st.integers(-20, len(NUMBERED) + 20)
ranges = st.lists(st.tuples(anywhere, anywhere), max_size=8)


def positions_shown(excerpt: str) -> set[int]:
    return {ord(char) - 0x4E00 for char in excerpt if char in NUMBERED}


def covered(hide: Sequence[tuple[int, int]]) -> set[int]:
    return {position for start, end in hide for position in range(start, end)}


def test_a_long_match_shows_its_two_ends_and_its_surroundings() -> None:
    text = "mail john.smith@example.com before noon"
    assert mask_excerpt(text, 5, 27, []) == "mail «jo•••om» before noon"


@pytest.mark.parametrize(("length", "shown"), [(1, "••• 1-4"), (4, "••• 1-4"), (5, "••• 5-11"), (11, "••• 5-11")])
def test_a_short_match_shows_only_how_long_it_is_about(length: int, shown: str) -> None:
    assert mask_excerpt("a" + "Z" * length + "b", 1, 1 + length, []) == f"a«{shown}»b"


def test_an_excerpt_says_where_the_text_goes_on() -> None:
    assert mask_excerpt("abcdefghij", 5, 5, [], context=2) == "…de«»fg…"


def test_adjacent_entities_become_one_mask() -> None:
    assert mask_excerpt("say ONETWO then xy", 16, 18, [(4, 7), (7, 10)]) == f"say {MASK} then «••• 1-4»"


def test_the_match_given_among_the_hidden_ranges_is_still_the_match() -> None:
    assert mask_excerpt("Z" * 12, 0, 12, [(0, 12)]) == "«ZZ•••ZZ»"


def test_an_entity_reaching_into_the_match_hides_that_end() -> None:
    assert mask_excerpt("..ABCDEFGHIJKL..", 2, 14, [(0, 3)]) == "•••«•••KL».."


def test_the_match_is_hidden_wherever_the_window_shows_it_again() -> None:
    secret = "ABCDEFGHIJKLMNOP"
    assert mask_excerpt(f"{secret} and {secret}", 0, 16, []) == f"«AB•••OP» and {MASK}"
    assert "ABCDE" not in mask_excerpt(f"{secret} and {secret}", 0, 16, [], context=12)


@given(anywhere, anywhere, ranges, st.integers(0, 60))
def test_exactly_the_window_without_what_is_hidden_is_shown(
    start: int, end: int, hide: list[tuple[int, int]], context: int
) -> None:
    shown = positions_shown(mask_excerpt(NUMBERED, start, end, hide, context))
    start = min(max(start, 0), len(NUMBERED))
    end = min(max(end, start), len(NUMBERED))
    match = set(range(start, end))
    ends = {start, start + 1, end - 2, end - 1} if end - start >= 12 else set()
    hidden = covered([span for span in hide if span != (start, end)])
    around = set(range(max(0, start - context), min(len(NUMBERED), end + context))) - match
    assert around - hidden == shown - match
    assert shown & match <= ends - hidden


secrets = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=70)
plain = st.text("abc .\n\x1b\u202e\u200b", max_size=60)


@given(st.lists(st.tuples(plain, secrets), min_size=1, max_size=5), plain, st.data(), st.integers(0, 60))
def test_no_five_characters_of_a_match_or_of_its_neighbours_appear(
    parts: list[tuple[str, str]], rest: str, data: st.DataObject, context: int
) -> None:
    text, spans = "", []
    for before, secret in parts:
        text += before
        spans.append((len(text), len(text) + len(secret)))
        text += secret
    chosen = data.draw(st.sampled_from(spans))
    excerpt = mask_excerpt(text + rest, *chosen, [span for span in spans if span != chosen], context)
    for start, end in spans:
        for at in range(start, end - 4):
            assert text[at : at + 5] not in excerpt


@given(st.text(), st.integers(0, 50), st.integers(0, 50), ranges)
def test_an_excerpt_is_one_printable_line(text: str, start: int, length: int, hide: list[tuple[int, int]]) -> None:
    excerpt = mask_excerpt(text, start, start + length, hide)
    assert excerpt == printable(excerpt)
    assert len(excerpt.splitlines()) == 1


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Mn"])), st.integers(0, 30))
def test_printable_text_is_printable_stays_so_and_keeps_its_limit(text: str, limit: int) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == printable(shown)
    assert printable(text, limit) == printable(shown, limit)
    assert len(printable(text, limit)) <= max(limit, 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07\x1b[31m", "\\x1b]0;owned\\x07\\x1b[31m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\u202eevil\u2066", "\\u{202e}evil\\u{2066}"),
        ("\u2028\u200b\ufe0f\u3164\u2800", "\\u{2028}\\u{200b}\\u{fe0f}\\u{3164}\\u{2800}"),
        ("\U000e0041\ud800", "\\u{e0041}\\u{d800}"),
        ("Grüße, 日本, שלום", "Grüße, 日本, שלום"),
    ],
)
def test_what_acts_on_a_terminal_or_is_unseen_becomes_a_visible_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


SECRET = "sk-" + "".join(chr(0x61 + (7 * i * i + 3 * i) % 26) for i in range(60))


def test_a_secret_is_hidden_whole_and_cut_off() -> None:
    assert without_parts(f"a {SECRET} b", SECRET) == f"a {MASK} b"
    assert without_parts(f"…{SECRET[30:]} b {SECRET[:12]}…", SECRET) == f"…{MASK} b {MASK}…"


@given(st.lists(st.tuples(st.text("xyz ", max_size=4), st.integers(0, 60), st.integers(0, 60)), max_size=4))
def test_no_stretch_of_a_secret_stays_and_nothing_else_goes(pieces: list[tuple[str, int, int]]) -> None:
    text = "".join(f"{between}{SECRET[start:end]}" for between, start, end in pieces)
    shown = without_parts(text, SECRET)
    assert not any(SECRET[at : at + 8] in shown for at in range(len(SECRET) - 7))
    at = 0
    for kept in shown.split(MASK):
        assert kept in text[at:]
        at = text.index(kept, at) + len(kept)


@given(st.text(max_size=60), st.text(max_size=7))
def test_what_is_too_short_for_a_secret_hides_nothing(text: str, secret: str) -> None:
    assert without_parts(text, secret) == text


@given(st.text("ab•…«» ", max_size=40))
def test_a_text_without_the_secret_stays(text: str) -> None:
    assert without_parts(text, SECRET) == text
