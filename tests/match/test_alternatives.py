from __future__ import annotations

import pytest

from guardproxy.match.alternatives import NOTHING, Alternative, Endless, programs_of
from guardproxy.match.charset import WORD, CharSet
from guardproxy.match.class_syntax import PatternSyntaxError
from guardproxy.match.tree import Chars, Choice

A, DASH = Chars(CharSet.single("a")), Chars(CharSet.single("-"))


def test_alternatives_with_the_same_edges_are_one_program() -> None:
    plain, other, bounded = (Alternative(tree, begins, None, ()) for tree, begins in [(A, None), (DASH, None), (A, 4)])
    first, second = programs_of([plain, bounded, other], NOTHING, NOTHING, holds=True)
    assert (Choice((A, DASH)), NOTHING, NOTHING) == (first.tree, first.not_before, first.not_after)
    assert (second.tree, second.not_before, second.not_after) == (A, WORD, NOTHING)


def test_a_word_boundary_adds_to_the_conditions_around_the_pattern() -> None:
    (program,) = programs_of([Alternative(A, 0, 3, ())], CharSet.single("-"), CharSet.single("+"), holds=True)
    assert program.not_before == WORD | CharSet.single("-")
    assert program.not_after == WORD | CharSet.single("+")


@pytest.mark.parametrize(("begins", "ends", "option"), [(2, None, "use not_before"), (None, 7, "use not_after")])
def test_a_word_boundary_beside_anything_but_word_characters_is_refused(
    begins: int | None, ends: int | None, option: str
) -> None:
    with pytest.raises(PatternSyntaxError) as refused:
        programs_of([Alternative(DASH, begins, ends, ())], NOTHING, NOTHING, holds=True)
    assert refused.value.offset in (begins, ends)
    assert option in refused.value.message


def test_a_repeat_without_end_into_what_must_not_follow_is_refused_unless_nothing_waits_for_it() -> None:
    alternative = Alternative(A, None, None, (Endless(1, CharSet.single("a"), "{1,200}"),))
    with pytest.raises(PatternSyntaxError, match=r"write \{1,200\}.* out of not_after") as refused:
        programs_of([alternative], NOTHING, CharSet.single("a"), holds=True)
    assert refused.value.offset == 1
    assert programs_of([alternative], NOTHING, CharSet.single("b"), holds=True)
    assert programs_of([alternative], NOTHING, CharSet.single("a"), holds=False)
