"""Fields of a streamed choice where one ends as the next begins."""

from __future__ import annotations

import itertools
from collections.abc import Sequence as Pieces
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import AnswerFields, Policy
from guardproxy.surfaces.chat_completions import ChatStream
from guardproxy.surfaces.chat_completions.sequence import Sequence
from guardproxy.wire.path import Path
from tests.support.strategies import HIDING, Kit, cut_places, kits, make_kit, pieces_of, short_texts
from tests.surfaces.chat_completions.received import Received, chunk, delta_of, event, part, run

REASONING: Path = ("delta", "reasoning_content")
CONTENT: Path = ("delta", "content")
DETAIL: Path = ("delta", "reasoning_details", 0, "text")
FIELDS = ("reasoning_content", "content", "refusal", "audio.transcript")
MAIL = make_kit({"mail": r"[a-z.]{1,20}@[a-z]{1,20}\.[a-z]{2,6}"})


def sequential(kit: Kit) -> Policy:
    return kit.policy(answer_fields=AnswerFields.SEQUENTIAL)


def told(kit: Kit, pieces: Pieces[tuple[str, str]]) -> Received:
    """What a client gets of one choice whose fields bring these texts."""
    begun = chunk(part(0, {"role": "assistant", "content": ""}))
    documents = [begun, *(chunk(part(0, delta_of(name, text))) for name, text in pieces), chunk(part(0, {}, "stop"))]
    return run(sequential(kit), documents)


def shown(received: Received) -> list[tuple[str, str]]:
    """(field, text) as they came, what follows of the same field joined."""
    came = [
        (name, delta[outer][inner] if inner else delta[outer])
        for document in received.documents
        for delta in [document["choices"][0]["delta"]]
        for name in FIELDS
        for outer, _, inner in [name.partition(".")]
        if delta.get(outer) and (not inner or delta[outer].get(inner))
    ]
    return [(name, "".join(text for _, text in run)) for name, run in itertools.groupby(came, key=lambda one: one[0])]


# ---------------------------------------------------------------- the stream


@given(kits(actions=HIDING), st.permutations(FIELDS[:3]), st.lists(short_texts, min_size=3, max_size=3), cut_places)
def test_fields_that_follow_each_other_leave_in_their_order_and_as_whole_texts_would(
    kit: Kit, names: list[str], texts: list[str], cuts: list[int]
) -> None:
    pieces = [(name, piece) for name, text in zip(names, texts, strict=True) for piece in pieces_of(text, cuts)]
    expected = [(name, kit.released(text)[0]) for name, text in zip(names, texts, strict=True)]
    assert [(name, text) for name, text in expected if text] == shown(told(kit, pieces))


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
    stream = ChatStream(OutputGuard(sequential(MAIL)))
    frames = [
        frame
        for delta in ({"role": "assistant", "content": ""}, {"reasoning_content": "so it is now."}, {"content": "Hi "})
        for frame in stream.feed(event(chunk(part(0, delta))))
    ]
    assert shown(Received(frames)) == [("reasoning_content", "so it is now."), ("content", "Hi ")]


def test_the_last_of_the_reasoning_may_come_with_the_first_of_the_content() -> None:
    stream = ChatStream(OutputGuard(sequential(MAIL)))
    both = {"reasoning_content": "now.", "content": "Hi "}
    frames = [
        frame
        for delta in ({"reasoning_content": "so it is "}, both, {"content": "there "})
        for frame in stream.feed(event(chunk(part(0, delta))))
    ]
    assert len(frames) == 3
    assert Received(frames).documents[1]["choices"][0]["delta"] == both


def test_fields_with_the_same_words_do_not_end_each_other() -> None:
    stream = ChatStream(OutputGuard(sequential(MAIL)))
    deltas = [{"reasoning": word, "reasoning_content": word} for word in ("ask jo", "hn@corp", ".test ")]
    frames = [frame for delta in deltas for frame in stream.feed(event(chunk(part(0, delta))))]
    assert [Received(frames).text(0, name) for name in deltas[0]] == ["ask [MAIL] "] * 2


def test_without_it_the_end_waits_for_more() -> None:
    stream = ChatStream(OutputGuard(MAIL.policy()))
    frames = [
        frame
        for delta in ({"reasoning_content": "so it is now."}, {"content": "Hi "})
        for frame in stream.feed(event(chunk(part(0, delta))))
    ]
    assert shown(Received(frames)) == [("reasoning_content", "so it is "), ("content", "Hi ")]
    assert Received(frames + stream.feed(event(chunk(part(0, {}, "stop"))))).text(0, "reasoning_content")[-4:] == "now."


def test_a_match_across_a_return_is_hidden_from_there_on() -> None:
    pieces = [("reasoning_content", "ask jo"), ("content", "Hi "), ("reasoning_content", "hn@corp.test now")]
    assert told(MAIL, pieces).text(0, "reasoning_content") == "ask jo[MAIL] now"


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
