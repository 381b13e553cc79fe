"""Pages add up to the list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.admin.pages import LIMIT_DEFAULT, LIMIT_MOST, page
from guardproxy.errors import InvalidRequest


@given(st.lists(st.text(min_size=1), unique=True, max_size=30), st.integers(1, LIMIT_MOST))
def test_however_long_a_page_is_all_pages_together_are_the_list(items: list[str], limit: int) -> None:
    told: list[str] = []
    query = {"limit": str(limit)}
    while True:
        document = page(items, query, str, str)
        assert len(document["data"]) <= limit
        told += document["data"]
        if document["next"] is None:
            break
        query["after"] = document["next"]
    assert told == items


def test_without_a_limit_a_page_is_not_endless() -> None:
    assert len(page(range(1000), {}, str, str)["data"]) == LIMIT_DEFAULT


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1e2", "٣", "", "9" * 5000])
def test_a_limit_is_a_small_number(limit: str) -> None:
    with pytest.raises(InvalidRequest):
        page([], {"limit": limit}, str, str)


def test_a_page_begins_after_something_that_is_there() -> None:
    with pytest.raises(InvalidRequest):
        page(["a"], {"after": "b"}, str, str)
