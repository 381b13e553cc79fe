"""The scripts as texts: whole, and known by their digest."""

from __future__ import annotations

import hashlib
import re

from guardproxy.quota.scripts import load_scripts
from tests.support.stores import TEST_CLOCK, StoreServer


def test_the_digest_is_that_of_the_text_and_every_script_has_its_own() -> None:
    scripts = load_scripts()
    assert all(script.sha == hashlib.sha1(script.source.encode()).hexdigest() for script in scripts)
    assert len({script.sha for script in scripts}) == len(scripts)


def test_time_comes_from_the_store_and_in_one_place_only() -> None:
    for script in load_scripts():
        assert script.source.count("'TIME'") == 1
    assert not any("'TIME'" in script.source for script in load_scripts(TEST_CLOCK))


def test_scripts_touch_no_key_they_do_not_declare() -> None:
    for script in load_scripts():
        touched = re.findall(r"redis\.call\('(?!TIME)[A-Z]+', ([^,)]+)", script.source)
        assert touched
        declared = {"KEYS[1]", "KEYS[2]", "KEYS[first + 1]", "KEYS[#KEYS]"}
        assert set(touched) <= declared | {"counters", "leases", "records", "key"}  # names of what KEYS holds


def test_servers_know_them_by_the_same_digest(server: StoreServer) -> None:
    with server.client() as client:
        for script in load_scripts():
            assert client.script_load(script.source) == script.sha
