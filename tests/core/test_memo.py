from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import Provenance
from guardproxy.core.memo import Memo

KEY = b"k" * 32
some_texts = st.lists(st.text(max_size=8), min_size=1, max_size=4)


@given(some_texts, some_texts, st.sampled_from(Provenance), st.sampled_from(Provenance))
def test_only_the_same_texts_of_the_same_provenance_are_the_same(
    one: list[str], other: list[str], first: Provenance, second: Provenance
) -> None:
    memo = Memo("r", KEY)
    same = one == other and first is second
    assert same == (memo.digest(first, one) == memo.digest(second, other))


def test_without_the_key_nobody_can_compute_a_digest() -> None:
    digests = {Memo("r", key).digest(Provenance.USER, ["text"]) for key in (KEY, b"x" * 32)}
    assert len(digests) == 2


def test_a_memo_knows_what_it_was_told_until_there_is_no_room() -> None:
    memo = Memo("r", KEY, most=2)
    first, second, third = (memo.digest(Provenance.USER, [text]) for text in "abc")
    assert not memo.knows(first)
    memo.remember(first)
    memo.remember(second)
    assert memo.knows(first)  # and is the youngest now
    memo.remember(third)
    assert (memo.knows(first), memo.knows(second), memo.knows(third), len(memo)) == (True, False, True, 2)
