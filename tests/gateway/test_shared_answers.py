"""Answers that one proxy gave are known to the others, and nothing else is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardproxy.core.separation.history import UNSEEN, Claim, Piece
from guardproxy.errors import SharedStateUnavailable
from guardproxy.gateway.shared_answers import REFRESHED_S
from guardproxy.state.shared import MOST_AT_ONCE
from tests.gateway.sharing import SEEN, Sharing, proxies
from tests.state.gate import Fate, Passage
from tests.support.stores import StoreServer

LOST = Passage(fate=Fate.UNDONE)
pieces = st.builds(Piece, st.sampled_from(["content", "call"]), st.text("ab ", max_size=3))


async def say(one: Sharing, key: str, *said: Piece) -> None:
    tried = one.seen.remember(key, said)
    if tried is not None:
        await tried


def claims(*said: Piece) -> list[Claim]:
    return [Claim(("messages", at), piece) for at, piece in enumerate(said)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 1), pieces), max_size=6), st.lists(pieces, max_size=6))
def test_what_went_out_at_either_is_known_at_both_and_nothing_else(
    server: StoreServer, out: list[tuple[int, Piece]], claimed: list[Piece]
) -> None:
    async def tell() -> None:
        with server.client() as client:
            client.flushall()
        both = [Sharing(server), Sharing(server)]
        async with proxies(*both):
            for at, piece in out:
                await say(both[at], "k1", piece)
            said = {piece._replace(text=piece.text.strip()) for _, piece in out}
            for one in both:
                for piece in claimed:
                    refused = await one.seen.refuse_unseen("k1", claims(piece))
                    assert bool(refused) == (piece._replace(text=piece.text.strip()) not in said)
                    assert await one.seen.refuse_unseen("k2", claims(piece))

    asyncio.run(tell())


async def test_a_long_conversation_of_another_proxy_is_known_and_its_first_unseen_place_is_told(
    server: StoreServer,
) -> None:
    one, other = Sharing(server), Sharing(server)
    async with proxies(one, other):
        said = [Piece("content", f"turn {number}") for number in range(2 * MOST_AT_ONCE + 3)]
        await say(one, "k1", *said)
        assert await other.seen.refuse_unseen("k1", claims(*said)) == []
        assert len(other.seen.memory) == len(said)
        forged = [*said[:-1], Piece("content", "made up"), Piece("content", "made up")]
        (finding, second) = await other.seen.refuse_unseen("k1", claims(*forged))
        assert (finding.rule, finding.path) == (UNSEEN, ("messages", len(said) - 1))
        assert second.path == ("messages", len(said))


async def test_while_the_store_is_away_memory_answers_and_of_the_rest_nobody_can_tell(server: StoreServer) -> None:
    one = Sharing(server, [LOST] * 1000)
    async with proxies(one):
        await say(one, "k1", Piece("content", "hello"))
        assert await one.seen.refuse_unseen("k1", claims(Piece("content", "hello"))) == []
        with pytest.raises(SharedStateUnavailable):
            await one.seen.refuse_unseen("k1", claims(Piece("content", "hello"), Piece("content", "unknown")))


async def test_what_comes_back_is_told_the_store_again_after_a_day(server: StoreServer) -> None:
    now = 0.0
    one, other = Sharing(server, clock=lambda: now), Sharing(server)
    hello = Piece("content", "hello")
    async with proxies(one, other):
        await say(one, "k1", hello)
        with server.client() as client:
            client.flushall()
        assert await one.seen.refuse_unseen("k1", claims(hello)) == []
        await one.state.written()
        assert await other.seen.refuse_unseen("k1", claims(hello))
        now = 2 * REFRESHED_S
        assert await one.seen.refuse_unseen("k1", claims(hello)) == []
        await one.state.written()
        assert await other.seen.refuse_unseen("k1", claims(hello)) == []


async def test_the_key_of_a_run_is_another_one_in_another_process(server: StoreServer) -> None:
    one, other = Sharing(server, names={"session": "session a"}), Sharing(server, names={"session": "session b"})
    async with proxies(one, other):
        await say(one, "session", Piece("content", "of a run"))
        assert await other.seen.refuse_unseen("session", claims(Piece("content", "of a run")))


async def test_no_text_stands_in_the_store(server: StoreServer) -> None:
    one = Sharing(server)
    async with proxies(one):
        await say(one, "k1", Piece("content", "marzipan"))
        with server.client() as client:
            held = [mark for key in SEEN.keys if client.exists(key) for mark in client.hkeys(key)]
        assert held
        assert not any(b"marzipan" in mark for mark in held)
