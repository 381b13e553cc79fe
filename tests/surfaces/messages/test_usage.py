from __future__ import annotations

from typing import Any

import pytest

from guardproxy.quota.estimate import Usage, reported_usage
from guardproxy.surfaces.messages.usage import merged, total, usage_of


def test_all_that_was_read_counts_whether_it_was_cached_or_not() -> None:
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 4, "output_tokens": 8}
    assert usage_of({"usage": usage}) == {"input_tokens": 7, "output_tokens": 8, "total_tokens": 15}
    assert reported_usage(usage_of({"usage": usage}), 1) == Usage(7, 8, 15)


def test_a_later_report_replaces_only_what_it_says() -> None:
    first = merged({}, {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": None})
    assert total(merged(first, {"output_tokens": 12})) == {"input_tokens": 10, "output_tokens": 12, "total_tokens": 22}


@pytest.mark.parametrize("usage", [None, 5, [], {}, {"input_tokens": "7"}, {"input_tokens": -1, "output_tokens": True}])
def test_what_is_no_count_is_no_report(usage: Any) -> None:
    assert usage_of({"usage": usage}) is None


def test_an_answer_that_is_no_object_reports_nothing() -> None:
    assert usage_of([1]) is None
