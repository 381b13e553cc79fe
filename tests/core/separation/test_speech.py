from __future__ import annotations

import pytest

from guardproxy.core.separation.speech import KEY_NAME, Speech, compose, joined
from guardproxy.core.separation.terms import OperatorPrompt, Place


@pytest.mark.parametrize(
    ("place", "speech"),
    [
        (Place.PREPEND, Speech("developer", "P", "F", restated="R", trusted=True)),
        (Place.APPEND, Speech("developer", "", "P\n\nF", restated="R", trusted=True)),
        (Place.REPLACE, Speech("developer", "P\n\nF", "", instead=True, restated="R", trusted=True)),
    ],
)
def test_the_prompt_stands_where_the_policy_puts_it(place: Place, speech: Speech) -> None:
    assert compose(OperatorPrompt("P", place, "developer"), "app", "F", "R", trusted=True) == speech


def test_without_a_prompt_only_the_fences_are_named() -> None:
    assert compose(None, "app", "F", "", trusted=False) == Speech(behind="F")


def test_a_prompt_may_name_the_key() -> None:
    said = compose(OperatorPrompt(f"For {KEY_NAME}."), "app", "", "", trusted=True)
    assert said.before == "For app."


def test_texts_are_joined_by_an_empty_line() -> None:
    assert joined("a", "", "b") == "a\n\nb"
    assert joined("", "") == ""
