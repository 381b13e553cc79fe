from __future__ import annotations

import pytest

from guardproxy.core.exchange import Opaque, OpaqueKind, Provenance, Reference, Segment
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.query import read_query
from guardproxy.surfaces.responses.fetch import LIST_ITEMS, RETRIEVE, read_target


def test_the_id_in_the_path_is_a_text_and_a_reference_to_what_is_stored() -> None:
    reading = read_target("resp_1", ())
    assert reading.segments == (Segment("resp_1", Provenance.USER, ("response_id",)),)
    assert reading.state == (Reference(("response_id",), "resp_1"),)
    assert (reading.stream, reading.starting_after, reading.output_tokens) == (False, None, 0)


def test_a_stream_may_be_asked_for_from_some_event_on() -> None:
    reading = read_target("resp_1", read_query("stream=true&starting_after=41", RETRIEVE))
    assert (reading.stream, reading.starting_after) == (True, 41)
    assert [segment.text for segment in reading.segments] == ["resp_1", "true", "41"]


@pytest.mark.parametrize("name", ["include", "include[]"])
def test_asking_for_what_nobody_can_read_is_the_policys_to_decide(name: str) -> None:
    reading = read_target("resp_1", read_query(f"{name}=reasoning.encrypted_content", RETRIEVE))
    assert reading.opaque == (Opaque(OpaqueKind.ENCRYPTED, Provenance.MODEL, (name,)),)


@pytest.mark.parametrize("query", ["stream=1", "starting_after=-1", "include[]=A B", "include_obfuscation=maybe"])
def test_a_fetch_has_a_query_of_fixed_forms(query: str) -> None:
    with pytest.raises(InvalidRequest):
        read_query(query, RETRIEVE)


@pytest.mark.parametrize("query", ["limit=many", "order=up", "after=../x", "after="])
def test_a_list_has_a_query_of_fixed_forms(query: str) -> None:
    with pytest.raises(InvalidRequest):
        read_query(query, LIST_ITEMS)


def test_a_list_goes_on_behind_an_item() -> None:
    assert read_query("after=msg_1&limit=20&order=asc", LIST_ITEMS) == (
        ("after", "msg_1"), ("limit", "20"), ("order", "asc"),
    )  # fmt: skip
