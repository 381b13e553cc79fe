from __future__ import annotations

import typing
from typing import Any

from guardproxy.core.exchange import Provenance
from guardproxy.surfaces.messages.blocks import BLOCKS
from guardproxy.surfaces.messages.words import is_own_word
from tests.surfaces.messages.schema import official


def test_every_known_block_is_a_word_of_the_api() -> None:
    assert [kind for kind in BLOCKS if not is_own_word("type", kind)] == []


def test_what_tools_gave_back_is_never_the_users() -> None:
    results = {kind for kind in BLOCKS if kind.endswith("_result") and kind != "search_result"}
    assert {BLOCKS[kind].whose for kind in results} == {Provenance.TOOL}
    assert len(results) == 9


def test_every_block_of_the_official_client_is_known() -> None:
    found = {kind for one in typing.get_args(official().BetaContentBlockParam) for kind in types_of(one)}
    assert found - BLOCKS.keys() == set()
    assert len(found) > 20


def types_of(block: Any) -> tuple[Any, ...]:
    """The values of `type` of one of the client's typed dictionaries, or of a union of such."""
    inner = [one for one in typing.get_args(block) if typing.get_args(one) or isinstance(one, type)]
    if inner:
        return tuple(kind for one in inner for kind in types_of(one))
    fields = getattr(block, "model_fields", None)
    return typing.get_args(fields["type"].annotation if fields else typing.get_type_hints(block)["type"])
