from __future__ import annotations

import unicodedata
from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.charset import LAST_CODE_POINT, CharSet
from guardproxy.match.unicode_classes import CATEGORIES, category


@given(st.characters(exclude_categories=()), st.sampled_from(CATEGORIES))
def test_a_character_is_in_the_categories_python_says_it_is_in(char: str, name: str) -> None:
    assert unicodedata.category(char).startswith(name) == (char in category(name))


@pytest.mark.parametrize("group", [name for name in CATEGORIES if len(name) == 1])
def test_a_name_of_one_letter_is_all_categories_that_begin_with_it(group: str) -> None:
    members = [category(name) for name in CATEGORIES if len(name) == 2 and name[0] == group]
    assert reduce(or_, members) == category(group)


def test_every_character_is_in_exactly_one_category() -> None:
    sizes = [len(category(name)) for name in CATEGORIES if len(name) == 2]
    assert sum(sizes) == LAST_CODE_POINT + 1
    assert reduce(or_, map(category, CATEGORIES)) == CharSet(((0, LAST_CODE_POINT),))
