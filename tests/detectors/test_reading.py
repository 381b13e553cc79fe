from __future__ import annotations

import pytest

from guardproxy.detectors.reading import check_class, read_option
from guardproxy.errors import RuleError
from guardproxy.match.syntax import parse_pattern


def test_a_mistake_is_told_with_the_option_it_stands_in() -> None:
    with pytest.raises(RuleError, match=r"^start: ") as refused:
        read_option("start", lambda: parse_pattern("ab("))
    assert (refused.value.option, refused.value.offset) == ("start", 2)
    assert read_option("start", lambda: 7) == 7


def test_a_class_may_be_left_out_or_must_be_one() -> None:
    check_class("not_before", "")
    check_class("not_before", "a-z")
    with pytest.raises(RuleError) as refused:
        check_class("not_before", "z-a")
    assert refused.value.option == "not_before"
