"""What left is looked at again: nothing is found in it, and placeholders make nothing that can be found."""

from __future__ import annotations

import re
import string
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given

from guardproxy.match.scanner import Span
from guardproxy.match.view import view
from tests.promises import packs
from tests.promises.depth import DEPTH, cases
from tests.promises.fragments import SEPARATORS, texts

PLACEHOLDERS = [compiled.rule.placeholder for compiled in packs.rules().values()]
_PLACEHOLDER = re.compile("|".join(map(re.escape, PLACEHOLDERS)))


def visible(shown: str) -> list[tuple[int, int]]:
    """The stretches between placeholders."""
    bounds = [0, *(at for found in _PLACEHOLDER.finditer(shown) for at in found.span()), len(shown)]
    return list(pairwise(bounds))[::2]


def apart(shown: str, span: Span, start: int, end: int) -> bool:
    """Whether the span lies in a stretch, and not next to a placeholder. What cannot be seen keeps nothing apart."""
    if span.start < start or end < span.end:
        return False
    before, behind = view(shown[start : span.start]).text, view(shown[span.end : end]).text
    return bool((start == 0 or before) and (end == len(shown) or behind))


@cases(150)
@given(texts())
def test_nothing_is_found_again_but_what_a_hidden_neighbour_had_kept_from_being_a_match(text: str) -> None:
    shown = packs.whole(text)
    for span in packs.spans_in(shown):
        assert not any(apart(shown, span, *stretch) for stretch in visible(shown)), shown[span.start : span.end]


@cases(60)
@given(texts())
def test_a_text_in_which_nothing_is_found_stays_as_it_is(text: str) -> None:
    once = packs.whole(text)
    if not packs.spans_in(once):
        assert once == packs.whole(once) == packs.streamed(once)


def test_no_placeholder_is_found_whole_or_cut() -> None:
    step = 1 if DEPTH > 1 else 5
    cut = [text for one in PLACEHOLDERS for at in range(0, len(one) + 1, step) for text in (one[:at], one[at:])]
    assert packs.spans_in("\n".join(cut)) == []


def test_placeholders_next_to_each_other_are_not_found() -> None:
    random = Random(5)
    for first in PLACEHOLDERS:
        seconds = random.sample(PLACEHOLDERS, min(3 * DEPTH, len(PLACEHOLDERS)))
        glued = "\n".join(first + separator + second for second in seconds for separator in set(SEPARATORS) - {"@"})
        assert packs.spans_in(glued) == [], first


def test_a_placeholder_is_not_the_name_of_a_value_behind_it() -> None:
    """It ends in the name of its rule, which often is the word that another rule looks for before a value."""
    random = Random(7)
    letters = string.ascii_letters + string.digits
    values = [random.randbytes(length).hex() for length in (16, 20, 32)]
    values += ["".join(random.choices(letters, k=length)) for length in (20, 32, 40, 43, 64)]
    values.append(str(UUID(bytes=random.randbytes(16), version=4)))
    by_themselves = {value for value in values if packs.spans_in(value)}
    named = "\n".join(
        f"{one}{separator}{value}"
        for one in PLACEHOLDERS
        for separator in ("=", ": ")
        for value in values
        if value not in by_themselves
    )
    assert packs.spans_in(named) == []
