"""Names of tools held against patterns."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.tools.names import EVERYTHING, NOTHING, Names, folded, matches


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_a_star_stands_for_anything_and_nothing_else_is_special(pattern: str, value: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert (re.fullmatch(expression, value, re.DOTALL) is not None) == matches(pattern, value)


def test_case_and_width_do_not_count() -> None:
    assert Names.of(["send_*"]).match(" Ｓend_Email ")
    assert folded("Ｓend") == "send"


def test_many_stars_do_not_make_it_slow() -> None:
    assert not matches("*a" * 2000 + "b", "a" * 100_000)


def test_everything_and_nothing() -> None:
    assert EVERYTHING.match("")
    assert not NOTHING.match("x")
    assert Names.of(["a", "b*"]).match_any(["x", "bc"])
    assert not Names.of(["a", "b*"]).match_any(["x", "cb"])
