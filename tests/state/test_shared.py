"""What several proxies remember together: asked at once, written in the background, and what an outage does to both."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardproxy.quota.breaker import IN_A_ROW
from guardproxy.quota.store import StoreUnreachable
from guardproxy.state import shared as module
from guardproxy.state.health import StateHealth
from guardproxy.state.scripts import Place
from guardproxy.state.shared import MOST_AT_ONCE, Note
from tests.state.gate import Fate, Passage, shared
from tests.support.stores import StoreServer

OWN, SEEN = Place.below("gp:q:{gp}:", "own", 10_000), Place.below("gp:q:{gp}:", "seen", 10_000)
LOST = Passage(fate=Fate.UNDONE)


def marks(count: int) -> list[bytes]:
    return [secrets.token_bytes(16) for _ in range(count)]


async def test_what_one_notes_the_other_finds_and_the_first_value_stays(server: StoreServer) -> None:
    one, other = shared(server), shared(server)
    (mark,) = marks(1)
    heard: list[Sequence[bytes]] = []
    first = one.note(OWN, [Note(mark, b"k1")], heard.append)
    assert first is not None
    await first
    assert await other.find(OWN, [mark]) == [b"k1"]
    second = other.note(OWN, [Note(mark, b"k2")], heard.append)
    assert second is not None
    await second
    assert heard == [[b"k1"], [b"k1"]]
    assert await other.find(SEEN, [mark]) == [None]
    await one.close()
    await other.close()


async def test_many_marks_are_asked_for_in_parts_and_told_in_order(server: StoreServer) -> None:
    state = shared(server)
    known = marks(3 * MOST_AT_ONCE)
    for at, place in enumerate((OWN, SEEN, OWN)):
        part = known[at * MOST_AT_ONCE : (at + 1) * MOST_AT_ONCE]
        for mark in part:
            state.note(place, [Note(mark, mark[:4])])
    assert state.health.unwritten == len(known)
    await state.written()
    assert state.health == StateHealth(False, 0, 0)
    found = await state.find(OWN, known)
    assert [value is not None for value in found] == [True] * MOST_AT_ONCE + [False] * MOST_AT_ONCE + [
        True
    ] * MOST_AT_ONCE
    assert all(value is None or value == mark[:4] for value, mark in zip(found, known, strict=True))
    await state.close()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
    st.lists(st.builds(Passage, st.integers(0, 3), st.integers(0, 3), st.sampled_from(Fate)), max_size=4),
)
def test_all_that_is_noted_arrives_whatever_gets_lost_on_the_way(
    server: StoreServer, sizes: list[int], passages: list[Passage]
) -> None:
    async def tell() -> None:
        state, other = shared(server, passages), shared(server)
        noted = [[Note(mark, mark) for mark in marks(size)] for size in sizes]
        heard: list[bytes] = []
        for notes in noted:
            state.note(OWN, notes, heard.extend)
        await state.written()
        assert heard == [note.value for notes in noted for note in notes]
        assert state.health.unwritten == state.health.lost == 0
        every = [note.mark for notes in noted for note in notes]
        assert await other.find(OWN, every) == every
        await state.close()
        await other.close()

    asyncio.run(tell())


async def test_who_waits_waits_for_the_first_try_and_no_longer(server: StoreServer) -> None:
    state = shared(server, [LOST] * 3)
    (mark,) = marks(1)
    tried = state.note(OWN, [Note(mark, b"x")])
    assert tried is not None
    await tried
    assert state.health.unwritten == 1
    await state.written()
    assert await state.find(OWN, [mark]) == [b"x"]
    await state.close()


async def test_one_failure_ends_the_waiting_of_all_who_are_in_the_queue(server: StoreServer) -> None:
    state = shared(server, [LOST] * 1000)
    waiting = [state.note(place, [Note(mark, b"x")]) for place in (OWN, SEEN, OWN) for mark in marks(1)]
    for tried in waiting:
        assert tried is not None
        await tried
    assert state.health.unwritten == 3
    await state.close()


async def test_a_store_that_is_away_is_told_once_and_nobody_waits_for_it_until_a_probe_succeeds(
    server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.02)
    told: list[str | None] = []
    back = asyncio.Event()

    def turned(kind: str | None, lost: int) -> None:
        told.append(kind)
        if kind is None:
            back.set()

    state = shared(server, [LOST] * (IN_A_ROW + 2), turned)
    (mark,) = marks(1)
    for _ in range(IN_A_ROW):
        with pytest.raises(StoreUnreachable):
            await state.find(OWN, [mark])
    assert told == ["ConnectionError"]
    assert state.health.degraded
    with pytest.raises(StoreUnreachable, match="lately"):
        await state.find(OWN, [mark])
    assert state.note(OWN, [Note(mark, b"x")]) is None
    await back.wait()
    await state.written()
    assert told == ["ConnectionError", None]
    assert await state.find(OWN, [mark]) == [b"x"]
    await state.close()


async def test_what_does_not_fit_into_the_queue_is_lost_and_counted(server: StoreServer) -> None:
    state = shared(server, most_waiting=3)
    kept, dropped = marks(2), marks(2)
    assert state.note(OWN, [Note(mark, b"x") for mark in kept]) is not None
    assert state.note(OWN, [Note(mark, b"x") for mark in dropped]) is None
    assert state.health == StateHealth(False, 2, 2)
    await state.written()
    assert await state.find(OWN, [*kept, *dropped]) == [b"x", b"x", None, None]
    await state.close()


async def test_closing_lets_everything_arrive(server: StoreServer) -> None:
    state, other = shared(server), shared(server)
    (mark,) = marks(1)
    state.note(OWN, [Note(mark, b"x")])
    await state.close()
    assert state.health == StateHealth(False, 0, 0)
    assert await other.find(OWN, [mark]) == [b"x"]
    await other.close()


async def test_closing_waits_for_nobody_who_is_away_and_counts_what_is_lost(server: StoreServer) -> None:
    state = shared(server, [LOST] * 1000)
    for _ in range(IN_A_ROW):
        with pytest.raises(StoreUnreachable):
            await state.find(OWN, marks(1))
    state.note(OWN, [Note(mark, b"x") for mark in marks(3)])
    await state.close()
    assert state.health == StateHealth(True, 0, 3)


async def test_trying_out_needs_both_scripts(server: StoreServer) -> None:
    state = shared(server)
    await state.try_out(OWN, bytes(16))
    await state.try_out(OWN, bytes(16))
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-hset")
    try:
        with pytest.raises(StoreUnreachable):
            await state.try_out(SEEN, bytes(16))
    finally:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "+hset")
    await state.close()
