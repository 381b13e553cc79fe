"""What left is looked at again: nothing is found in it, and placeholders make nothing that can be found."""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random

import pytest
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


KEY = Random(3).randbytes(16).hex()

# A placeholder ends in the name of its rule. Where that is the word the rule looks for, it reads like a name and what
# follows like its value: known, and told below.
NAMED_VALUES = {"secrets.oracle-cloud-auth-token"}


def test_no_placeholder_is_found_whole_or_cut() -> None:
    step = 1 if DEPTH > 1 else 5
    cut = [text for one in PLACEHOLDERS for at in range(0, len(one) + 1, step) for text in (one[:at], one[at:])]
    assert {span.rule for span in packs.spans_in("\n".join(cut))} <= NAMED_VALUES


def test_placeholders_next_to_each_other_are_not_found() -> None:
    random = Random(5)
    for first in PLACEHOLDERS:
        seconds = random.sample(PLACEHOLDERS, min(3 * DEPTH, len(PLACEHOLDERS)))
        glued = "\n".join(first + separator + second for second in seconds for separator in set(SEPARATORS) - {"@"})
        assert {span.rule for span in packs.spans_in(glued)} <= NAMED_VALUES, first


@pytest.mark.xfail(strict=True, reason="a placeholder ends in the words its rule looks for, and `]` may follow these")
@pytest.mark.parametrize(
    "shown",
    [
        f"[REDACTED:secrets.pypi-token]={KEY}",
        f"[REDACTED:secrets.assigned-password]: {KEY}",
        f"[REDACTED:secrets.assigned-api-key]: {KEY}",
        "[REDACTED:secrets.oracle-cloud-auth-token][REDACTED:pii.ie-pps]",
    ],
)
def test_a_placeholder_is_not_the_name_of_a_value_behind_it(shown: str) -> None:
    assert packs.spans_in(shown) == []
