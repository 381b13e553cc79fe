"""Fields of a streamed choice where one ends as the next begins, which is so unless the policy says otherwise."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence as Pieces
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import AnswerFields
from guardproxy.core.verdict import Action
from guardproxy.surfaces.chat_completions import ChatStream
from guardproxy.surfaces.chat_completions.sequence import Sequence, is_field
from guardproxy.wire.path import Path
from guardproxy.wire.sse import DONE, SseEvent
from tests.support.strategies import (
    HIDING,
    NOT_BLOCKING,
    Kit,
    cut_places,
    kits,
    make_kit,
    pieces_of,
    secrets_kit,
    short_texts,
    texts,
    texts_with_secrets,
    ways_of_cutting,
)
from tests.surfaces.chat_completions.received import (
    FIELDS,
    Piece,
    Received,
    Transcript,
    as_bytes,
    chunk,
    delta_of,
    event,
    interleaved,
    part,
    run,
    run_bytes,
    transcripts,
)

REASONING: Path = ("delta", "reasoning_content")
CONTENT: Path = ("delta", "content")
DETAIL: Path = ("delta", "reasoning_details", 0, "text")
BEGUN = chunk(part(0, {"role": "assistant", "content": ""}))
# Streams whose choices go from field to field in turn, and leave a field where a match may have begun.
_begun = st.sampled_from([" now", " AKIA2", " sk-proj-a", " -----BEGIN", " mail jo@corp", " 4111"])
in_secrets = transcripts(st.builds(str.__add__, texts_with_secrets(), _begun), in_turn=True)
in_letters = transcripts(texts, in_turn=True)
MAIL = make_kit({"mail": r"[a-z.]{1,20}@[a-z]{1,20}\.[a-z]{2,6}"})


def told(kit: Kit, pieces: Pieces[Piece]) -> Received:
    """What a client gets of one choice whose fields bring these texts."""
    documents = [BEGUN, *(chunk(part(0, delta_of(name, text))) for name, text in pieces), chunk(part(0, {}, "stop"))]
    return run(kit.policy(), documents)


def so_far(deltas: Pieces[dict[str, Any]]) -> Received:
    """What a client has of a choice that goes on behind these deltas."""
    stream = ChatStream(OutputGuard(MAIL.policy()))
    return Received(frame for delta in deltas for frame in stream.feed(event(chunk(part(0, delta)))))


# ---------------------------------------------------------------- the stream


@given(kits(actions=HIDING), st.permutations(FIELDS), st.lists(short_texts, min_size=4, max_size=4), cut_places)
def test_fields_that_follow_each_other_leave_in_their_order_and_as_whole_texts_would(
    kit: Kit, names: list[str], texts: list[str], cuts: list[int]
) -> None:
    pieces = [(name, piece) for name, text in zip(names, texts, strict=True) for piece in pieces_of(text, cuts)]
    expected = [(name, kit.released(text)[0]) for name, text in zip(names, texts, strict=True)]
    assert [(name, text) for name, text in expected if text] == told(kit, pieces).in_order(0)


def expected_of(kit: Kit, transcript: Transcript) -> dict[int, list[Piece]]:
    """For each choice its fields as they were written, each as its whole text leaves."""
    expected: dict[int, list[Piece]] = {}
    for (index, name), text in transcript.texts.items():
        released = kit.released(text)[0]
        expected.setdefault(index, []).extend([(name, released)] if released else [])
    return expected


@given(kits(actions=NOT_BLOCKING), in_letters)
def test_each_choice_keeps_the_order_of_its_fields_whatever_the_others_do(kit: Kit, transcript: Transcript) -> None:
    received = run(kit.policy(), transcript.documents)
    for index, fields in expected_of(kit, transcript).items():
        assert fields == received.in_order(index)
        assert received.finished[index] == "stop"


@given(in_secrets, cut_places)
def test_it_keeps_it_however_the_bytes_are_cut(transcript: Transcript, cuts: list[int]) -> None:
    kit = secrets_kit()
    for pieces in ways_of_cutting(as_bytes(transcript.documents), cuts):
        received = run_bytes(kit.policy(), pieces)
        for index, fields in expected_of(kit, transcript).items():
            assert fields == received.in_order(index)


@given(kits(), in_letters)
def test_nothing_a_match_covers_is_shown_at_any_time(kit: Kit, transcript: Transcript) -> None:
    """Rules may block: what is shown of a field begins what its whole text lets out."""
    guard = OutputGuard(kit.policy())
    stream, shown = ChatStream(guard), Received()
    for each in [*map(event, transcript.documents), SseEvent(DONE)]:
        for frame in stream.feed(each) if guard.blocked is None else ():
            shown.take(frame)
        for (index, name), text in transcript.texts.items():
            if not (guard.blocked and name == "refusal"):
                assert kit.released(text)[0].startswith(shown.text(index, name))


@given(kits(), in_letters | transcripts(texts))
def test_in_a_chat_ordered_and_sequential_are_the_same(kit: Kit, transcript: Transcript) -> None:
    policies = [kit.policy(answer_fields=fields) for fields in (AnswerFields.ORDERED, AnswerFields.SEQUENTIAL)]
    one, other = (run(policy, transcript.documents).documents for policy in policies)
    assert one == other


def test_many_generated_streams_would_lose_their_order_if_fields_could_come_back() -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=100, database=None, derandomize=True)
    @given(kits(actions=NOT_BLOCKING), in_letters, in_secrets)
    def look(kit: Kit, letters: Transcript, secret: Transcript) -> None:
        for name, one, transcript in (("letters", kit, letters), ("secrets", secrets_kit(), secret)):
            received = run(interleaved(one), transcript.documents)
            expected = expected_of(one, transcript)
            seen[name, all(fields == received.in_order(index) for index, fields in expected.items())] += 1

    look()
    assert seen["letters", False] > 10
    assert seen["secrets", False] > 30


@given(
    kits(actions=HIDING),
    st.lists(st.tuples(st.sampled_from(FIELDS), st.text("abc1 ", min_size=1, max_size=4)), min_size=2, max_size=12),
)
def test_an_upstream_that_returns_to_a_field_shows_no_more_than_before_its_first_return(
    kit: Kit, pieces: list[tuple[str, str]]
) -> None:
    """Each field is what its whole text would be, but for what stood before the one place where it was left."""
    received = told(kit, pieces)
    for name in FIELDS:
        text = "".join(piece for field, piece in pieces if field == name)
        cuts = {0, *itertools.accumulate(len(piece) for field, piece in pieces if field == name)}
        assert received.text(0, name) in {_paused(kit, text, cut) for cut in cuts}


def _paused(kit: Kit, text: str, at: int) -> str:
    one = OutputGuard(kit.policy()).open(("content",))
    return one.feed(text[:at]) + one.pause() + one.feed(text[at:]) + one.finish()


def test_the_end_of_the_reasoning_goes_out_before_the_content_begins() -> None:
    received = so_far(
        [{"role": "assistant", "content": ""}, {"reasoning_content": "so it is now."}, {"content": "Hi "}]
    )
    assert received.in_order(0) == [("reasoning_content", "so it is now."), ("content", "Hi ")]


@pytest.mark.parametrize(
    "nothing",
    [
        {"content": ""},
        {"content": None},
        {"content": []},
        {"role": "assistant"},
        {"refusal": None, "content": ""},
        {"audio": None},
        {},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]},
        {"annotations": [{"type": "url_citation", "url_citation": {"title": "a title"}}]},
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "hn "}]},
    ],
)
def test_what_is_no_text_of_a_field_begins_none(nothing: dict[str, Any]) -> None:
    pieces: list[dict[str, Any]] = [{"reasoning_content": "ask jo"}, nothing, {"reasoning_content": "hn@corp.test "}]
    received = so_far(pieces)
    assert received.text(0, "reasoning_content") == "ask [MAIL] "
    assert received.text(0) == ""


def test_a_call_waits_for_the_end_of_the_choice_and_ends_no_text() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    deltas: list[Any] = [{"content": "ask jo"}, {"tool_calls": [call]}, {"content": "hn@corp.test now."}]
    documents = [BEGUN, *(chunk(part(0, delta)) for delta in deltas), chunk(part(0, {}, "tool_calls"))]
    received = run(MAIL.policy(), [*documents, chunk(usage={"total_tokens": 3})])
    assert received.text(0) == "ask [MAIL] now."
    *_, called, finish, usage = received.documents
    assert called["choices"][0]["delta"] == {"tool_calls": [call]}
    assert (finish["choices"][0]["finish_reason"], usage["usage"]) == ("tool_calls", {"total_tokens": 3})


def test_the_end_of_the_last_field_goes_out_before_the_finish_and_the_usage() -> None:
    deltas = [{"reasoning_content": "so now."}, {"content": "Hi jo"}]
    documents = [*(chunk(part(0, delta)) for delta in deltas), chunk(part(0, {}, "stop")), chunk(usage={"n": 3})]
    received = run(MAIL.policy(), documents)
    assert received.in_order(0) == [("reasoning_content", "so now."), ("content", "Hi jo")]
    assert received.documents[-2:] == documents[-2:]


def test_the_parts_of_a_content_follow_each_other_and_what_came_before() -> None:
    thinking = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "so now."}]}]}
    received = so_far([thinking, {"content": [{"type": "text", "text": "Hi "}]}])
    texts = [document["choices"][0]["delta"]["content"][0] for document in received.documents]
    assert texts[0]["thinking"][0]["text"] + texts[1]["thinking"][0]["text"] == "so now."
    assert texts[2]["text"] == "Hi "


def test_the_last_of_the_reasoning_may_come_with_the_first_of_the_content() -> None:
    both = {"reasoning_content": "now.", "content": "Hi "}
    received = so_far([{"reasoning_content": "so it is "}, both, {"content": "there "}])
    assert len(received.documents) == 3
    assert received.documents[1]["choices"][0]["delta"] == both


def test_a_field_that_says_nothing_any_more_ends_before_the_event_of_the_next() -> None:
    received = so_far([{"reasoning_content": "so now."}, {"content": "Hi ", "reasoning_content": ""}])
    assert received.in_order(0) == [("reasoning_content", "so now."), ("content", "Hi ")]


def test_fields_with_the_same_words_do_not_end_each_other() -> None:
    deltas = [{"reasoning": word, "reasoning_content": word} for word in ("ask jo", "hn@corp", ".test ")]
    received = so_far(deltas)
    assert [received.text(0, name) for name in deltas[0]] == ["ask [MAIL] "] * 2


def test_where_fields_are_interleaved_the_end_waits_for_more() -> None:
    stream = ChatStream(OutputGuard(interleaved(MAIL)))
    frames = [
        frame
        for delta in ({"reasoning_content": "so it is now."}, {"content": "Hi "})
        for frame in stream.feed(event(chunk(part(0, delta))))
    ]
    assert Received(frames).in_order(0) == [("reasoning_content", "so it is "), ("content", "Hi ")]
    assert Received(frames + stream.feed(event(chunk(part(0, {}, "stop"))))).text(0, "reasoning_content")[-4:] == "now."


def test_a_match_across_a_return_is_hidden_from_there_on() -> None:
    pieces = [("reasoning_content", "ask jo"), ("content", "Hi "), ("reasoning_content", "hn@corp.test now")]
    assert told(MAIL, pieces).text(0, "reasoning_content") == "ask jo[MAIL] now"


def test_the_same_text_again_is_no_repetition_where_a_match_may_go_on_in_it() -> None:
    kit = make_kit({"twice": "aa"})
    pieces = [("audio.transcript", "a"), ("content", "1"), ("audio.transcript", "a")]
    assert told(kit, pieces).text(0, "audio.transcript") == "a[TWICE]"
    detail = {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "a"}]}
    received = run(kit.policy(), [chunk(part(0, delta)) for delta in (detail, {"content": "1"}, detail)])
    texts = [document["choices"][0]["delta"].get("reasoning_details", [{}])[0] for document in received.documents]
    assert "".join(one.get("text", "") for one in texts) == "a[TWICE]"


def test_a_rule_that_blocks_does_so_across_a_return() -> None:
    kit = make_kit({"mail": r"[a-z.]{1,20}@[a-z]{1,20}\.[a-z]{2,6}"}, actions={"mail": Action.BLOCK})
    pieces = [("reasoning_content", "ask jo"), ("content", "Hi "), ("reasoning_content", "hn@corp.test now")]
    received = told(kit, pieces)
    assert (received.text(0, "reasoning_content"), received.finished) == ("ask jo", {0: "content_filter"})


def test_a_return_in_one_choice_is_none_in_another() -> None:
    names = ("reasoning_content", "content", "reasoning_content")
    documents = [chunk(part(0, delta_of(name, "so now."))) for name in names]
    documents += [chunk(part(1, delta_of(name, "so now."))) for name in names[:2]]
    documents.append(chunk(part(0, {}, "stop"), part(1, {}, "stop")))
    received = run(MAIL.policy(), documents)
    assert received.in_order(1) == [("reasoning_content", "so now."), ("content", "so now.")]
    assert received.in_order(0)[-1] == ("content", "now.")
    assert received.text(0, "reasoning_content") == "so now.so now."


def test_pieces_of_two_fields_by_turns_end_nothing_after_the_first_return() -> None:
    words = ["ask ", "jo", "hn@", "corp", ".test"]
    pieces: list[tuple[str, Any]] = [(name, word) for word in words for name in ("reasoning_content", "content")]
    received = told(MAIL, pieces)
    assert (received.text(0), received.text(0, "reasoning_content")) == ("ask [MAIL]",) * 2


# ---------------------------------------------------------------- which fields end


def test_text_of_a_field_ends_those_that_spoke_before_it_once() -> None:
    one = Sequence()
    assert one.ended_by({REASONING}) == []
    assert one.ended_by({REASONING}) == []
    assert one.ended_by({CONTENT}) == [REASONING]
    assert one.ended_by({CONTENT}) == []


def test_what_comes_in_one_event_or_beside_a_field_ends_nothing() -> None:
    one = Sequence()
    assert one.ended_by({REASONING, DETAIL}) == []
    assert one.ended_by({DETAIL}) == []
    assert one.ended_by({CONTENT}) in ([REASONING, DETAIL], [DETAIL, REASONING])


def test_a_field_that_begins_ends_those_before_it_also_in_one_event() -> None:
    one = Sequence()
    assert one.ended_by({REASONING}) == []
    assert one.ended_by({REASONING, CONTENT}) == [REASONING]
    assert one.is_steady(CONTENT)


def test_after_a_return_nothing_ends_any_more() -> None:
    one = Sequence()
    for grown in (REASONING, CONTENT, REASONING):
        last = one.ended_by({grown})
    assert (last, one.ended_by({CONTENT}), one.is_steady(CONTENT)) == ([], [], True)


def test_a_field_is_steady_while_it_alone_speaks() -> None:
    one = Sequence()
    assert not one.is_steady(CONTENT)
    one.ended_by({REASONING})
    assert not one.is_steady(CONTENT)
    one.ended_by({CONTENT})
    assert one.is_steady(CONTENT)
    assert not one.is_steady(REASONING)


def test_the_first_text_of_all_ends_nothing() -> None:
    one = Sequence()
    assert one.begins_with(CONTENT)
    assert one.is_steady(CONTENT)
    assert not one.begins_with(CONTENT)
    assert one.ended_by({REASONING}) == [CONTENT]


def test_more_of_what_spoke_last_changes_nothing_but_where_it_comes_back() -> None:
    one = Sequence()
    assert not one.goes_on({REASONING})
    one.ended_by({REASONING})
    assert one.goes_on({REASONING})
    assert not one.goes_on({REASONING, CONTENT})
    one.ended_by({REASONING, CONTENT})
    assert not one.goes_on({REASONING, CONTENT})
    one.ended_by({REASONING, CONTENT})
    assert one.goes_on({CONTENT})


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (CONTENT, True),
        (("message", "content"), True),
        (("delta", "audio", "transcript"), True),
        (("delta", "content", 0, "text"), True),
        (("delta", "content", 0, "thinking", 0, "text"), True),
        (("delta", "content", 0, "annotations", 0, "title"), False),
        (DETAIL, False),
        (("delta",), False),
        (("state",), False),
        (("state", "text"), False),
        (("audio", "transcript"), False),
    ],
)
def test_a_field_is_what_others_follow(key: Path, expected: bool) -> None:
    assert is_field(key) is expected
