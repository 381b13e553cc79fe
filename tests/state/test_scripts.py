"""A bounded memory inside a real server: the first value stays, what is used stays longest, the rest is forgotten."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardproxy.state.scripts import GENERATIONS, KEPT_MS, Place, StateScripts, load_scripts
from tests.support.stores import TEST_CLOCK, Clock, StoreServer

ON_TEST_CLOCK = load_scripts(TEST_CLOCK)
PLACE = Place.below("gp:q:{gp}:", "own", 1000)
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class Memory:
    """A place on a server, asked as a proxy asks it."""

    def __init__(self, server: StoreServer, place: Place = PLACE, scripts: StateScripts = ON_TEST_CLOCK) -> None:
        self._client = server.client()
        self._place = place
        self._scripts = scripts

    def note(self, *notes: tuple[str, str]) -> list[bytes]:
        return list(self._run(self._scripts.note.source, [part for note in notes for part in note]))

    def find(self, *marks: str) -> list[bytes | None]:
        return list(self._run(self._scripts.find.source, marks))

    @property
    def marks(self) -> list[Any]:
        return [mark for key in self._place.keys[1:] for mark in self._client.hkeys(key)]

    def close(self) -> None:
        self._client.close()

    def _run(self, source: str, args: Sequence[str]) -> Any:
        keys = self._place.keys
        return self._client.eval(source, len(keys), *keys, *self._place.bounds, *args)


def test_all_keys_lie_under_the_prefix_whose_hash_tag_keeps_them_on_one_shard() -> None:
    other = Place.below("gp:q:{gp}:", "seen", 1000)
    assert all(key.startswith("gp:q:{gp}:own") for key in PLACE.keys)
    assert len({*PLACE.keys, *other.keys}) == len(PLACE.keys) + len(other.keys) == 2 * (GENERATIONS + 1)


def test_a_script_is_known_by_the_digest_of_its_text_and_takes_its_time_from_the_store() -> None:
    for script in load_scripts():
        assert script.sha == hashlib.sha1(script.source.encode(), usedforsecurity=False).hexdigest()
        assert script.source.count("'TIME'") == 1
    assert not any("'TIME'" in script.source for script in ON_TEST_CLOCK)


def test_scripts_touch_no_key_they_do_not_declare() -> None:
    for script in load_scripts():
        touched = re.findall(r"redis\.call\('(?!TIME)[A-Z]+', ([^,)]+)", script.source)
        assert touched
        assert set(touched) <= {"KEYS[1]", "KEYS[2 + at]", "key"}  # the last is what `before` names


@few
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["note", "find", "wait"]),
            st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz")), min_size=1, max_size=4),
            st.integers(0, KEPT_MS),
        ),
        max_size=25,
    )
)
def test_the_first_value_stays_for_as_long_as_it_is_kept_from_its_last_use(
    server: StoreServer, steps: list[tuple[str, list[tuple[str, str]], int]]
) -> None:
    with server.client() as client:
        client.flushall()
    clock, memory = Clock(server=server), Memory(server)
    first: dict[str, tuple[str, int]] = {}  # a mark's value, and when it was last used
    for what, notes, wait in steps:
        now = clock.ms
        if what == "wait":
            clock.ms = now + wait
            continue
        values = memory.note(*notes) if what == "note" else memory.find(*[mark for mark, _ in notes])
        for (mark, offered), value in zip(notes, values, strict=True):
            held, used = first.get(mark, ("", 0))
            said = None if value is None else value.decode()
            if held and now - used <= KEPT_MS:
                assert said == held
            elif held:  # it may be kept longer, as nothing is forgotten before somebody comes
                assert said in (held, offered if what == "note" else None)
            if what == "note" and not held:
                assert said == offered
            if said is not None:
                first[mark] = (said, now)
            else:
                first.pop(mark, None)
    clock.close()
    memory.close()


@few
@given(st.integers(1, 60), st.integers(4, 24))
def test_never_more_than_may_and_the_latest_of_it(server: StoreServer, many: int, most: int) -> None:
    with server.client() as client:
        client.flushall()
    clock, memory = Clock(server=server), Memory(server, Place.below("{t}", "own", most))
    for number in range(many):
        memory.note((f"m{number}", "x"))
        assert len(memory.marks) <= most
    latest = range(max(0, many - most // GENERATIONS * (GENERATIONS - 1)), many)
    assert set(memory.marks) >= {b"m%d" % number for number in latest}
    clock.close()
    memory.close()


def test_what_is_used_outlives_what_is_not(server: StoreServer) -> None:
    clock, memory = Clock(server=server), Memory(server, Place.below("{t}", "own", 8))
    memory.note(("used", "x"), ("unused", "x"))
    for number in range(40):
        assert memory.find("used") == [b"x"]
        memory.note((f"m{number}", "x"))
    assert memory.find("used", "unused") == [b"x", None]
    assert memory.note(("used", "y"), ("unused", "y")) == [b"x", b"y"]
    clock.close()
    memory.close()


def test_a_clock_that_steps_back_forgets_nothing(server: StoreServer) -> None:
    clock, memory = Clock(server=server), Memory(server)
    memory.note(("a", "x"))
    clock.ms -= KEPT_MS
    assert memory.note(("a", "y")) == [b"x"]
    assert memory.find("a") == [b"x"]
    clock.close()
    memory.close()


def test_everything_expires_by_itself_where_nobody_comes(server: StoreServer) -> None:
    memory = Memory(server, scripts=load_scripts())
    memory.note(("a", "x"))
    memory.find("a")
    with server.client() as client:
        written = [key for key in PLACE.keys if client.exists(key)]
        assert len(written) == 2
        assert all(0 < int(client.pttl(key)) <= KEPT_MS for key in written)
    memory.close()


def test_asking_for_nothing_is_answered_and_writes_no_mark(server: StoreServer) -> None:
    clock, memory = Clock(server=server), Memory(server)
    assert (memory.find(), memory.note(), memory.marks) == ([], [], [])
    clock.close()
    memory.close()


@pytest.mark.parametrize("name", ["note", "find"])
def test_servers_know_them_by_the_same_digest(server: StoreServer, name: str) -> None:
    script = getattr(load_scripts(), name)
    with server.client() as client:
        assert client.script_load(script.source) == script.sha
