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
from guardproxy.quota.spent import FIRST_TOLD, Spent, spent_of

POLICIES = PolicySet.of(Policy("p", "r", quotas=(Quota(Metric.TOKENS, 0, 10**9, period=Period.DAY),)))
NOON = int(datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp() * 1000)
GOOD: dict[str, Any] = {
    "time": "2026-03-05T01:00:00.000Z", "request_id": "r1", "key_id": "k1", "key_name": "ada", "model": "m",
    "charged": {"tokens": 7},
}  # fmt: skip


def total(*lines: str) -> int:
    return sum(sum(charge.values()) for _, charge in read(*lines).charges)


def read(*lines: str) -> Spent:
    return spent_of(lines, Planner(), POLICIES, NOON)


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
    assert read(json.dumps({**GOOD, **changes})).unusable == 1


def test_every_line_is_a_charge_or_repeated_or_unusable_or_of_something_else() -> None:
    line = json.dumps(GOOD)
    said = read(line, line, line[:40], "guardproxy listens", "", json.dumps({"event": "proxy_started"}), line[:-5])
    assert said[1:] == (7, 1, 1, 3, (3, 4, 7))
    assert read(*["x"] * 50)[1:] == (50, 0, 0, 50, tuple(range(1, FIRST_TOLD + 1)))
    assert read()[1:] == (0, 0, 0, 0, ())


@given(st.lists(st.sampled_from([json.dumps(GOOD), json.dumps({**GOOD, "request_id": "r2"})]), max_size=6), st.data())
def test_a_log_that_was_cut_off_anywhere_loses_one_line_and_tells_it(lines: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(json.dumps(GOOD)) - 1))
    said = read(*lines, json.dumps(GOOD)[:cut])
    assert (said.lines, said.unusable, said.exchanges + said.repeated) == (len(lines) + 1, 1, len(lines))


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


TIMES = st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat)


@given(st.dictionaries(st.sampled_from([*GOOD, "team", "policy", "revision"]), JSON))
def test_whatever_a_line_holds_it_is_read_or_left_out(changes: dict[str, Any]) -> None:
    assert total(json.dumps({**GOOD, **changes})) >= 0


@given(TIMES)
def test_whenever_a_line_says_it_was_it_counts_for_its_own_day_alone(time: str) -> None:
    assert total(json.dumps({**GOOD, "time": time})) in (0, 7)
