"""Lines of logs, also such that are not ours. The sums are held in `tests/cli/test_spent`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.choice import PolicySet
from guardproxy.core.policy import Policy
from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota.plan import Planner
from guardproxy.quota.spent import spent_of

POLICIES = PolicySet.of(Policy("p", "r", quotas=(Quota(Metric.TOKENS, 0, 10**9, period=Period.DAY),)))
NOON = int(datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp() * 1000)
GOOD: dict[str, Any] = {
    "time": "2026-03-05T01:00:00.000Z", "request_id": "r1", "key_id": "k1", "key_name": "ada", "model": "m",
    "charged": {"tokens": 7},
}  # fmt: skip


def total(*lines: str) -> int:
    return sum(sum(charge.values()) for _, charge in spent_of(lines, Planner(), POLICIES, NOON))


def test_a_line_is_charged_once_however_often_it_comes() -> None:
    line = json.dumps(GOOD)
    assert total(line, line, json.dumps({**GOOD, "request_id": "r2"})) == 14


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "yesterday"}, {"time": 7}, {"key_id": None}, {"key_name": []}, {"request_id": {}},
        {"charged": {"tokens": -1}}, {"charged": {"tokens": "7"}}, {"charged": {"tokens": True}}, {"charged": [7]},
        {"charged": {"tokens": 2**53 + 1}}, {"time": "0001-01-01"}, {"time": "2026-03-05T01:00:00"},
        {"time": "0001-01-01T00:00:00+14:00"}, {"time": "9999-12-31T23:59:59-14:00"},
    ],
)  # fmt: skip
def test_a_line_that_is_not_as_we_write_them_is_left_out(changes: dict[str, Any]) -> None:
    assert total(json.dumps({**GOOD, **changes}), json.dumps({**GOOD, "request_id": "r2"})) == 7


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


TIMES = st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat)


@given(st.dictionaries(st.sampled_from([*GOOD, "team", "policy", "revision"]), JSON))
def test_whatever_a_line_holds_it_is_read_or_left_out(changes: dict[str, Any]) -> None:
    assert total(json.dumps({**GOOD, **changes})) >= 0


@given(TIMES)
def test_whenever_a_line_says_it_was_it_counts_for_its_own_day_alone(time: str) -> None:
    assert total(json.dumps({**GOOD, "time": time})) in (0, 7)
