"""Who made what, known to all proxies: at most one key owns it, and nobody who did not make it ever passes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardproxy.errors import SharedStateUnavailable
from guardproxy.gateway.ownership import LONGEST
from guardproxy.gateway.shared_ownership import REFRESHED_S
from guardproxy.quota.breaker import IN_A_ROW
from tests.gateway.sharing import OWN, Sharing, proxies
from tests.state.gate import Fate, Passage, turns
from tests.support.stores import StoreServer

LOST, UNHEARD = Passage(fate=Fate.UNDONE), Passage(fate=Fate.UNHEARD)
KEYS, IDS = st.sampled_from(["k1", "k2"]), st.sampled_from(["resp_1", "resp_2"])
few = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class Step(NamedTuple):
    """At one of two proxies: a key makes something or refers to it, some turns of the loop after the step before."""

    proxy: int
    makes: bool
    key: str
    named: str
    wait: int


STEPS = st.lists(st.builds(Step, st.integers(0, 1), st.booleans(), KEYS, IDS, st.integers(0, 4)), max_size=14)
LATE = st.lists(st.builds(Passage, st.integers(0, 6), st.integers(0, 6), st.just(Fate.REPLIES)), max_size=14)
TROUBLED = st.lists(
    st.builds(Passage, st.integers(0, 3), st.integers(0, 3), st.sampled_from(Fate)), min_size=1, max_size=10
)


async def play(server: StoreServer, steps: list[Step], ways: list[list[Passage]]) -> dict[str, set[str]]:
    """Which keys passed for each id, where all that happens at two proxies overlaps."""
    with server.client() as client:
        client.flushall()
    both = [Sharing(server, way) for way in ways]
    passed: dict[str, set[str]] = defaultdict(set)
    made: dict[str, set[str]] = defaultdict(set)

    async def refer(step: Step) -> None:
        try:
            owned = await both[step.proxy].owns(step.key, step.named)
        except SharedStateUnavailable:
            return
        if owned:
            assert step.key in made[step.named]
            passed[step.named].add(step.key)

    async with proxies(*both):
        asked = []
        for step in steps:
            await turns(step.wait)
            if step.makes:
                made[step.named].add(step.key)
                both[step.proxy].ownership.record([step.named], step.key)
            else:
                asked.append(asyncio.create_task(refer(step)))
        await asyncio.gather(*asked)
        for one in both:  # and once more, when everything has come to rest
            await one.state.written()
        for step in steps:
            await refer(step)
    return passed


@few
@given(STEPS, LATE, LATE)
def test_at_most_one_key_owns_an_id_whatever_overlaps(
    server: StoreServer, steps: list[Step], one: list[Passage], other: list[Passage]
) -> None:
    passed = asyncio.run(play(server, steps, [one, other]))
    assert all(len(keys) == 1 for keys in passed.values())


@settings(parent=few, max_examples=15)
@given(STEPS, TROUBLED, TROUBLED)
def test_nobody_who_did_not_make_it_passes_whatever_is_lost(
    server: StoreServer, steps: list[Step], one: list[Passage], other: list[Passage]
) -> None:
    asyncio.run(play(server, steps, [one, other]))  # which looks at each pass


async def test_what_is_made_at_one_is_known_at_the_other_as_soon_as_the_answer_may_go_out(server: StoreServer) -> None:
    one, other = Sharing(server), Sharing(server)
    async with proxies(one, other):
        await one.make("k1", "resp_1", "msg_1")
        assert await other.ownership.owned("k1", ["resp_1", "msg_1", "msg_1", "msg_2"]) == {"resp_1", "msg_1"}
        assert await other.ownership.owned("k2", ["resp_1", "msg_1"]) == frozenset()
        assert one.ownership.record(["resp_1", "msg_1"], "k1") is None  # nothing new: nobody waits


async def test_what_another_key_made_first_is_no_way_to_take_it_over(server: StoreServer) -> None:
    one, other = Sharing(server), Sharing(server)
    async with proxies(one, other):
        await one.make("k1", "resp_1")
        await other.make("k2", "resp_1")
        assert not await other.owns("k2", "resp_1")
        assert await other.owns("k1", "resp_1")


async def test_while_the_store_is_away_memory_answers_and_of_the_rest_nobody_can_tell(server: StoreServer) -> None:
    with server.client() as client:
        client.flushall()
    one, other = Sharing(server, [Passage()] * 2), Sharing(server, [LOST] * 1000)
    async with proxies(one, other):
        await one.make("k1", "resp_1")
        await other.make("k1", "resp_2")
        for _ in range(IN_A_ROW + 1):  # before and after it counts as lost
            assert await other.owns("k1", "resp_2")
            for key, named in (("k1", "resp_1"), ("k2", "resp_1"), ("k2", "resp_2")):
                with pytest.raises(SharedStateUnavailable) as refused:
                    await other.owns(key, named)
                assert (refused.value.status, refused.value.code) == (503, "shared_state_unavailable")
                assert refused.value.retry.allowed
        assert other.state.health.degraded


async def test_a_lost_reply_is_asked_for_again_before_anybody_relies_on_it(server: StoreServer) -> None:
    one, other = Sharing(server), Sharing(server, [UNHEARD])
    async with proxies(one, other):
        await one.make("k1", "resp_1")
        await other.make("k2", "resp_1")
        assert not await other.owns("k2", "resp_1")


async def test_a_store_that_came_back_empty_knows_nothing_until_the_maker_comes_again(server: StoreServer) -> None:
    now = 0.0
    one, other = Sharing(server, clock=lambda: now), Sharing(server)
    async with proxies(one, other):
        await one.make("k1", "resp_1")
        with server.client() as client:
            client.flushall()
        assert not await other.owns("k1", "resp_1")
        now += REFRESHED_S
        assert await one.owns("k1", "resp_1")
        await one.state.written()
        assert await other.owns("k1", "resp_1")


async def test_who_was_overtaken_while_the_store_had_forgotten_owns_nothing_any_more(server: StoreServer) -> None:
    now = 0.0
    one, other = Sharing(server, clock=lambda: now), Sharing(server)
    async with proxies(one, other):
        await one.make("k1", "resp_1")
        with server.client() as client:
            client.flushall()
        await other.make("k2", "resp_1")
        now += REFRESHED_S
        await one.owns("k1", "resp_1")
        await one.state.written()
        assert not await one.owns("k1", "resp_1")


async def test_the_key_of_a_run_is_another_one_in_another_process(server: StoreServer) -> None:
    one, same = Sharing(server, names={"session": "session a"}), Sharing(server, names={"session": "session a"})
    other = Sharing(server, names={"session": "session b"})
    async with proxies(one, same, other):
        await one.make("session", "resp_1")
        assert await same.owns("session", "resp_1")
        assert not await other.owns("session", "resp_1")


async def test_what_is_no_id_belongs_to_nobody_and_reaches_no_store(server: StoreServer) -> None:
    with server.client() as client:
        client.flushall()
        one = Sharing(server)
        async with proxies(one):
            for named in ("", "x" * (LONGEST + 1)):
                assert one.ownership.record([named], "k1") is None
                assert not await one.owns("k1", named)
        assert client.dbsize() == 0


async def test_only_so_many_are_remembered_here_and_the_store_knows_the_others(server: StoreServer) -> None:
    one = Sharing(server, most=2)
    async with proxies(one):
        await one.make("k1", "a", "b", "c")
        assert await one.ownership.owned("k1", ["a", "b", "c"]) == {"a", "b", "c"}


async def test_no_id_stands_in_the_store(server: StoreServer) -> None:
    one = Sharing(server)
    async with proxies(one):
        await one.make("k1", "resp_marzipan")
        with server.client() as client:
            held = [
                part for key in OWN.keys if client.exists(key) for item in client.hgetall(key).items() for part in item
            ]
        assert b"k1" in held
        assert not any(b"marzipan" in part for part in held)
