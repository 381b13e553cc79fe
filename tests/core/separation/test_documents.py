from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import Provenance
from guardproxy.core.separation.documents import (
    MOST,
    NO_LABELS,
    Labels,
    check_labels,
    is_document_name,
    labels_in,
    with_documents,
    without_labelled,
)
from guardproxy.errors import InvalidRequest
from guardproxy.wire.path import Path, format_path
from tests.core.separation.requests import message, reading

_words = st.text("abc_", min_size=1, max_size=5)
paths = st.tuples(_words, st.integers(0, 999)) | st.tuples(_words, st.integers(0, 99), _words, st.integers(0, 9))


@given(st.lists(paths, min_size=1, max_size=5))
def test_a_header_names_places_as_errors_do(places: list[Path]) -> None:
    assert labels_in(" , ".join(map(format_path, places))) == tuple(places)


@pytest.mark.parametrize(
    "header", ["", "messages[", "messages[1].", "a,,b", "messages[x]", "MESSAGES[1]", "[1]", "a" * 40]
)
def test_a_header_that_names_no_place_is_an_error(header: str) -> None:
    with pytest.raises(InvalidRequest, match="x-guardproxy-documents"):
        labels_in(header)


def test_so_many_labels_and_no_more() -> None:
    assert len(labels_in(",".join(["messages[1]"] * MOST))) == MOST
    with pytest.raises(InvalidRequest):
        labels_in(",".join(["messages[1]"] * (MOST + 1)))


def test_names_of_documents() -> None:
    assert all(map(is_document_name, ["document", "document_2", "document-read-me"]))
    assert not any(map(is_document_name, ["documents", "Document", "my-document", "document ", "document_", None, 1]))


READ = reading(
    message("system"), message("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
    message("assistant"), message("tool", tool_call_id="c"),
)  # fmt: skip


@pytest.mark.parametrize("place", ["messages[1]", "messages[1].content[1]", "messages[3]", "messages[3].content"])
def test_user_and_tool_text_can_be_labelled(place: str) -> None:
    check_labels(READ, Labels(labels_in(place)))


@pytest.mark.parametrize(
    "place", ["messages[0]", "messages[2].content", "messages[9]", "messages[1].content[7]", "model"]
)
def test_what_speaks_for_others_or_is_not_there_cannot_be_labelled(place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_labels(READ, Labels(labels_in(place)))
    assert caught.value.param == place


def test_a_labelled_text_keeps_its_provenance_and_gets_another() -> None:
    labelled = with_documents(READ.segments, Labels(labels_in("messages[1].content[1]")))
    assert labelled[: len(READ.segments)] == READ.segments
    [added] = labelled[len(READ.segments) :]
    assert (added.text, added.provenance) == ("b", Provenance.DOCUMENT)
    assert with_documents(labelled, NO_LABELS) == labelled


def test_a_name_labels_a_message() -> None:
    read = reading(message("user", name="document_1"), message("user", name="Anna"))
    assert read.documents == (("messages", 0),)


@given(st.lists(paths, max_size=4), paths)
def test_a_label_covers_all_that_stands_below_its_place(places: list[Path], path: Path) -> None:
    labels = Labels(places)
    below = (*path, "content", 0)
    assert {*labels.over(below)} == {place for place in places if below[: len(place)] == place}
    assert {*labels} == {*places}
    assert len(labels) == len({*places})


def test_without_what_is_labelled_a_request_keeps_its_form_and_everything_else() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    tool = {"role": "tool", "tool_call_id": "c", "content": "d"}
    document = {"model": "m", "messages": [{"role": "user", "content": parts}, tool, {"role": "user", "content": "e"}]}
    bare = without_labelled(document, Labels([("messages", 0, "content", 1), ("messages", 1)]))
    assert bare["messages"][0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]
    assert bare["messages"][1] == {"role": "tool", "tool_call_id": "c", "content": ""}
    assert bare["messages"][2] is document["messages"][2]
    assert parts[1]["text"] == "b"
    assert without_labelled(document, NO_LABELS) is document
