"""A key can ask how its own accounts stand."""

from __future__ import annotations

from guardproxy.core.choice import Choice
from guardproxy.core.conditions import Condition, OneOf
from guardproxy.core.quota import Metric, Only, Period, Quota, Share
from guardproxy.gateway.policies import Policies
from guardproxy.quota.plan import Planner
from guardproxy.quota.price import Price, PriceTable
from tests.support.caller import ask
from tests.support.gateway import data_plane
from tests.support.policies import small

QUOTAS = (
    Quota(Metric.REQUESTS, 60, 3),
    Quota(Metric.COST, 0, 10**9, period=Period.MONTH, shares=(Share.GLOBAL,)),
    Quota(Metric.TOKENS, 60, 1000, only=Only(models=("m",)), shadow=True),
)
PLANNER = Planner(PriceTable([Price(("*",), 10**9, 10**9)]))
USAGE = "/v1/guardproxy/usage"


async def test_it_tells_what_was_really_used_and_asking_costs_nothing() -> None:
    async with data_plane(policy=small(quotas=QUOTAS), planner=PLANNER) as on:
        await on.chat()
        answers = [await on.get(USAGE) for _ in range(5)]
        first = answers[0].json
        assert [answer.json for answer in answers] == [first] * 5
        assert first["object"] == "guardproxy.usage"
        requests, cost = first["quotas"]
        assert requests == {
            "id": "requests/60s", "metric": "requests", "scope": ["key"], "limit": 3, "used": 1, "remaining": 2,
            "reset_ms": requests["reset_ms"], "mode": "enforce",
        }  # fmt: skip
        assert (cost["used"], cost["unit"], cost["scope"]) == (12_000, "nano_usd", ["global"])
        assert on.upstream.sent[1:] == []
        assert on.record["route"] == USAGE
        assert on.record["bytes_out"] == len(answers[-1].body)


async def test_with_a_model_its_own_quotas_are_told_too() -> None:
    async with data_plane(policy=small(quotas=QUOTAS), planner=PLANNER) as on:
        await on.chat()
        told = (await on.get(f"{USAGE}?model=m")).json["quotas"]
        (tokens,) = [quota for quota in told if quota["id"] == "tokens/60s[models=m]"]
        assert (tokens["mode"], tokens["used"]) == ("shadow", 12)


async def test_the_policy_is_that_of_the_caller_and_of_the_model() -> None:
    plain = small(quotas=QUOTAS[:1])
    form = small(revision="r1-1", quotas=(Quota(Metric.REQUESTS, 60, 1),))
    choice = Choice(plain, (Condition((OneOf("model", frozenset({"m"})),)),), {0: plain, 1: form})
    async with data_plane(policies=Policies.of(choice)) as on:
        for path, limit in ((USAGE, 3), (f"{USAGE}?model=m", 1), (f"{USAGE}?model=other", 3)):
            (requests,) = (await on.get(path)).json["quotas"]
            assert requests["limit"] == limit


async def test_without_a_key_or_on_another_path_nothing_is_told() -> None:
    async with data_plane(policy=small(quotas=QUOTAS), planner=PLANNER) as on:
        port = on.listeners.port
        assert (await ask(port, "GET", USAGE, None, None)).refusal == (401, "invalid_api_key")
        assert (await on.get(f"{USAGE}/x")).refusal == (404, "unknown_url")
        assert (await on.get(f"{USAGE}?model={'x' * 400}")).refusal == (404, "unknown_url")
        assert (await ask(port, "POST", USAGE, b"{}", None)).refusal == (405, "method_not_allowed")
