from __future__ import annotations

import hashlib

import pytest

from guardproxy.identity import key_scripts
from guardproxy.identity.key_scripts import KeyPlaces


def test_all_places_lie_under_the_prefix_whose_hash_tag_keeps_them_on_one_shard() -> None:
    places = KeyPlaces.below("gp:q:{gp}:")
    assert all(place.startswith("gp:q:{gp}:keys") for place in places)
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", ["CHANGE", "FIND", "STATE", "PAGE", "USED"])
def test_a_script_is_known_by_the_digest_of_its_text(name: str) -> None:
    script = getattr(key_scripts, name)
    assert script.sha == hashlib.sha1(script.source.encode(), usedforsecurity=False).hexdigest()
    assert "redis.call(" in script.source
