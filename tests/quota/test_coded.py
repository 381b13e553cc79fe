"""What goes over the wire, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.quota.coded import CodedAccount, Periods, field_of, is_other_calendar, read_states, read_waits
from guardproxy.quota.grid import CalendarGrid
from guardproxy.quota.model import UNKNOWN_MS, Account

REQUESTS = Quota(Metric.REQUESTS, 60, 3)
NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)


def test_all_keys_of_all_scopes_share_one_hash_tag_and_tell_no_name() -> None:
    for scope in ("team:red", "key:k1"):
        coded = CodedAccount(Account(scope, [REQUESTS]), "gp:q:{gp}:")
        assert all(key.startswith("gp:q:{gp}:") for key in coded.keys)
        assert len(set(coded.keys)) == 3
        assert scope not in "".join(coded.keys)
    one, other = (CodedAccount(Account(name, [REQUESTS]), "{x}") for name in ("a", "b"))
    assert not set(one.keys) & set(other.keys)


def test_a_field_is_named_by_what_it_counts_and_not_by_the_limit() -> None:
    assert field_of(REQUESTS) == field_of(Quota(Metric.REQUESTS, 60, 9, hard=True))
    assert field_of(REQUESTS) != field_of(Quota(Metric.REQUESTS, 1, 3))


def test_amounts_and_orphans_stand_where_the_scripts_read_them() -> None:
    quotas = [
        REQUESTS,
        Quota(Metric.TOKENS, 60, 9, shadow=True),
        Quota(Metric.TOKENS, 60, 8),
        Quota(Metric.CONCURRENCY, 0, 2),
    ]
    coded = CodedAccount(Account("key", quotas), "")
    args = coded.limits({"requests": 1, "tokens": 7}, {"tokens": 2}, NOON)
    tokens = field_of(quotas[1])
    assert args == [
        4,
        *("s", field_of(REQUESTS), 3, 1, 1, "", 6, 60_000),
        *("s", tokens, 9, 7, 2, "s", 6, 60_000),
        *("s", tokens, 8, 7, 2, "r", 6, 60_000),
        *("l", "-", 2, 1, 1, ""),
    ]  # fmt: skip
    assert coded.fields == {field_of(REQUESTS): "requests", tokens: "tokens"}
    with pytest.raises(ValueError, match="never negative"):
        coded.limits({"requests": -1}, None, NOON)


def test_three_periods_are_told_whatever_the_hour() -> None:
    periods = Periods(CalendarGrid(Period.DAY, "UTC"))
    day = 86_400_000
    for now in (NOON, NOON + 11 * 3_600_000, NOON + 13 * 3_600_000, NOON):
        first, *bounds = periods.args(now)
        assert bounds[1] <= now < bounds[2]
        assert [bounds[i + 1] - bounds[i] for i in range(3)] == [day, day, day]
        assert first == now // day + datetime(1970, 1, 1, tzinfo=UTC).toordinal() - 1


def test_replies_are_read_limit_by_limit() -> None:
    coded = [CodedAccount(Account("key", [REQUESTS, REQUESTS]), ""), CodedAccount(Account("all", [REQUESTS]), "")]
    reply = [0, NOON, 1, 10, 0, 2, 20, -1, 5, 30, -2, 7, 7, 7]
    assert [state[1:] for state in read_states(coded, reply, 3)] == [(1, 2, 10), (2, 1, 20), (5, 0, 30)]
    assert read_waits(reply) == [0, UNKNOWN_MS, None]
    assert is_other_calendar([3, NOON])
    assert not is_other_calendar(reply)
