"""What the properties of this folder are given: most of it holds a match, of nearly every rule in the long run."""

from __future__ import annotations

from collections.abc import Callable

from tests.promises import packs
from tests.promises.fragments import counted

CASES = 520


def test_most_generated_texts_hold_a_match_and_of_many_rules(record_property: Callable[[str, object], None]) -> None:
    found = counted(CASES)
    record_property("generated", str(found))
    assert found.with_a_match >= 0.6 * found.cases, str(found)
    assert found.with_several_rules >= 0.35 * found.cases, str(found)
    assert found.with_an_overlap >= 0.2 * found.cases, str(found)
    assert found.rules >= 0.4 * len(packs.rules()), str(found)
