"""A citation points at the same words after a redaction, in whole answers and in streams."""

from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.moved import Moved
from guardproxy.surfaces.citations import edit_cited, move_citations
from guardproxy.wire.document import encode, replace
from tests.support.answers import message, named_event, response, response_events
from tests.support.caller import ask
from tests.support.gateway import KEY, Reply, data_plane, replies, streamed
from tests.support.policies import HIDDEN, PLACEHOLDER, small
from tests.support.upstream import DONE, chunk, completion, event

TEXT = f"Before. {HIDDEN} and then the source ends."
SHOWN = TEXT.replace(HIDDEN, PLACEHOLDER)
CITED = ("Before", "the source", HIDDEN)


def ranges() -> list[dict[str, int]]:
    return [{"start_index": TEXT.index(one), "end_index": TEXT.index(one) + len(one)} for one in CITED]


def chat_annotations() -> list[dict[str, Any]]:
    return [{"type": "url_citation", "url_citation": {"url": "u", "title": "t", **one}} for one in ranges()]


def response_annotations() -> list[dict[str, Any]]:
    return [{"type": "url_citation", "url": "u", "title": "t", **one} for one in ranges()]


def words(cited: list[dict[str, Any]], text: str = SHOWN) -> list[str]:
    below = [one.get("url_citation", one) for one in cited]
    return [text[one["start_index"] : one["end_index"]] for one in below]


EXPECTED = ["Before", "the source", PLACEHOLDER]


async def test_a_whole_chat_answer_cites_the_same_words() -> None:
    said = completion(TEXT, annotations=chat_annotations())
    async with data_plane(lambda: replies(said), small()) as on:
        told = (await on.chat()).json["choices"][0]["message"]
        assert (told["content"], words(told["annotations"])) == (SHOWN, EXPECTED)


@pytest.mark.parametrize("pieces", [1, 5, len(TEXT)])
async def test_a_streamed_chat_answer_cites_the_same_words(pieces: int) -> None:
    size = -(-len(TEXT) // pieces)
    cut = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    parts = [chunk({"role": "assistant"}), *(chunk({"content": one}) for one in cut)]
    parts += [chunk({"annotations": chat_annotations()}), chunk({}, finish_reason="stop")]
    async with data_plane(lambda: streamed(*map(event, parts), DONE), small()) as on:
        deltas = [one["choices"][0]["delta"] for one in (await on.chat(stream=True)).events[:-1]]
        assert "".join(one.get("content") or "" for one in deltas) == SHOWN
        assert words(next(one["annotations"] for one in deltas if "annotations" in one)) == EXPECTED


WAITING = PLACEHOLDER.join(["See ", " here"])  # the citation is told while the key before it may go on


def events_with(annotations: list[dict[str, Any]], after: int) -> list[dict[str, Any]]:
    """A text in pieces, with its citations behind some of them."""
    pieces = ["See ", HIDDEN[:9], HIDDEN[9:], " here"]
    parts = [chunk({"content": one}) for one in pieces]
    return [*parts[:after], chunk({"annotations": annotations}), *parts[after:]]


def at(first: int, last: int) -> dict[str, Any]:
    return {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": first, "end_index": last}}


@pytest.mark.parametrize("after", [1, 2, 3, 4])
@pytest.mark.parametrize("reason", ["stop", None])
async def test_a_citation_waits_until_the_text_it_is_about_is_decided(after: int, reason: str | None) -> None:
    text = f"See {HIDDEN} here"
    ranges = [at(0, 3), at(text.index("here"), len(text)), at(4, 4 + len(HIDDEN))]
    parts = [chunk({"role": "assistant"}), *events_with(ranges, after)]
    parts += [chunk({}, finish_reason=reason)] if reason else []
    async with data_plane(lambda: streamed(*map(event, parts), DONE), small()) as on:
        deltas = [one["choices"][0]["delta"] for one in (await on.chat(stream=True)).events[:-1]]
    told = [one for delta in deltas for one in delta.get("annotations", ())]
    assert words(told, WAITING) == ["See", "here", PLACEHOLDER]
    shown = ""
    for delta in deltas:
        shown += delta.get("content") or ""
        for one in delta.get("annotations", ()):
            assert one["url_citation"]["end_index"] <= len(shown)
    assert shown == WAITING


async def test_a_citation_in_the_last_event_goes_out_with_the_text_it_is_about() -> None:
    text = f"See {HIDDEN}"
    last = chunk({"content": HIDDEN, "annotations": [at(4, len(text))]}, finish_reason="stop")
    async with data_plane(lambda: streamed(event(chunk({"content": "See "})), event(last), DONE), small()) as on:
        deltas = [one["choices"][0]["delta"] for one in (await on.chat(stream=True)).events[:-1]]
    assert "".join(one.get("content") or "" for one in deltas) == f"See {PLACEHOLDER}"
    told = [one for delta in deltas for one in delta.get("annotations", ())]
    assert words(told, f"See {PLACEHOLDER}") == [PLACEHOLDER]


@pytest.mark.parametrize("after", [1, 2, 3, 4])
async def test_a_citation_of_a_response_waits_until_the_text_it_is_about_is_decided(after: int) -> None:
    text = f"See {HIDDEN} here"
    events = response_events("See ", HIDDEN[:9], HIDDEN[9:], " here")
    place = {"item_id": "msg_0a1", "output_index": 0, "content_index": 0}
    ranges = [at(0, 3), at(text.index("here"), len(text)), at(4, 4 + len(HIDDEN))]
    added = [
        {"type": "response.output_text.annotation.added", **place, "annotation_index": number, "annotation":
         {"type": "url_citation", **one["url_citation"]}}
        for number, one in enumerate(ranges)
    ]  # fmt: skip
    first = next(number for number, one in enumerate(events) if one["type"] == "response.output_text.delta")
    events[first + after : first + after] = added
    numbered = [{**one, "sequence_number": number} for number, one in enumerate(events)]
    told = (await asked(streamed(*map(named_event, numbered)), stream=True)).events
    shown, cited = "", []
    for one in told:
        shown += one["delta"] if one["type"] == "response.output_text.delta" else ""
        if "annotation" in one:
            cited.append(one["annotation"])
            assert one["annotation"]["end_index"] <= len(shown)
    assert (shown, words(cited, WAITING)) == (WAITING, ["See", "here", PLACEHOLDER])
    assert [one["sequence_number"] for one in told] == list(range(len(told)))


def cited_message() -> dict[str, Any]:
    item = message(TEXT)
    item["content"][0]["annotations"] = response_annotations()
    return item


async def asked(reply: Reply, **more: Any) -> Any:
    async with data_plane(lambda: reply, small()) as on:
        return await ask(on.listeners.port, "POST", "/v1/responses", encode({"model": "m", "input": "hi", **more}), KEY)


async def test_a_whole_response_cites_the_same_words() -> None:
    part = (await asked(replies(response(cited_message())))).json["output"][0]["content"][0]
    assert (part["text"], words(part["annotations"])) == (SHOWN, EXPECTED)


async def test_a_streamed_response_cites_the_same_words_in_each_of_its_events() -> None:
    events = response_events(TEXT[:20], TEXT[20:])
    at = {"item_id": "msg_0a1", "output_index": 0, "content_index": 0}
    added = [
        {"type": "response.output_text.annotation.added", **at, "annotation_index": number, "annotation": one}
        for number, one in enumerate(response_annotations())
    ]
    events[-3]["part"]["annotations"] = response_annotations()
    events[-2]["item"] = cited_message()
    events[-1]["response"]["output"] = [cited_message()]
    events[-4:-4] = added
    numbered = [{**one, "sequence_number": number} for number, one in enumerate(events)]
    told = (await asked(streamed(*map(named_event, numbered)), stream=True)).events
    assert words([one["annotation"] for one in told if "annotation" in one]) == EXPECTED
    part, item, done = told[-3]["part"], told[-2]["item"], told[-1]["response"]["output"][0]
    for each in (part, item["content"][0], done["content"][0]):
        assert (each["text"], words(each["annotations"])) == (SHOWN, EXPECTED)


def test_what_is_no_citation_stays_as_it_is() -> None:
    others: list[Any] = ["text", {"start_index": "4", "end_index": True}, {"url_citation": None, "index": 3}]
    move_citations(others, Moved(0, 1, 5))
    assert others == ["text", {"start_index": "4", "end_index": True}, {"url_citation": None, "index": 3}]
    move_citations({"start_index": 4}, Moved(0, 1, 5))
    document: Any = {"text": "abc", "annotations": None, "x": ["y"]}
    edit_cited(document, {("text",): "c", ("x", 0): "z"}, replace)
    assert document == {"text": "c", "annotations": None, "x": ["z"]}
