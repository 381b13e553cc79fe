from __future__ import annotations

import secrets

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.separation.history import UNSEEN, Claim, Piece, SeenAnswers

pieces = st.builds(Piece, st.sampled_from(["content", "call", "call_id"]), st.text("ab ", max_size=4))


def seen_with(*given_out: Piece, most: int = 1000, key: str = "key") -> SeenAnswers:
    seen = SeenAnswers(secrets.token_bytes(32), most=most)
    seen.remember(key, given_out)
    return seen


@given(st.lists(pieces, max_size=5), st.lists(pieces, max_size=5))
def test_only_what_went_out_is_known(out: list[Piece], claimed: list[Piece]) -> None:
    def same(piece: Piece) -> Piece:
        return piece._replace(text=piece.text.strip())

    claims = [Claim(("messages", at), piece) for at, piece in enumerate(claimed)]
    refused = seen_with(*out).refuse_unseen("key", claims)
    expected = [at for at, piece in enumerate(claimed) if same(piece) not in map(same, out)]
    assert [finding.path[1] for finding in refused] == expected
    assert {finding.rule for finding in refused} <= {UNSEEN}


def test_an_answer_to_one_key_is_none_to_another() -> None:
    piece = Piece("content", "hello")
    assert seen_with(piece, key="one").refuse_unseen("other", [Claim((), piece)])


def test_a_place_is_named_once() -> None:
    claims = [Claim(("messages", 1), Piece("content", text)) for text in "ab"]
    assert len(seen_with().refuse_unseen("key", claims)) == 1


def test_the_oldest_is_forgotten_and_what_is_asked_for_stays() -> None:
    one, two, three = (Piece("content", text) for text in "abc")
    seen = seen_with(one, two, most=2)
    assert seen.refuse_unseen("key", [Claim((), one)]) == []
    seen.remember("key", [three])
    assert len(seen) == 2
    assert seen.refuse_unseen("key", [Claim((), one), Claim((), three)]) == []
    assert seen.refuse_unseen("key", [Claim((), two)])


def test_no_text_is_kept() -> None:
    seen = seen_with(Piece("content", "marzipan"))
    assert b"marzipan" not in repr(vars(seen)).encode()
