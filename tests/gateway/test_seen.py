from __future__ import annotations

import secrets

from guardproxy.core.separation.history import UNSEEN, Claim, Piece, SeenAnswers
from guardproxy.gateway.seen import OwnAnswers


async def test_a_process_by_itself_knows_what_it_said_and_nobody_waits_for_that() -> None:
    own = OwnAnswers(SeenAnswers(secrets.token_bytes(32)))
    hello = Piece("content", "hello")
    assert own.remember("k1", [hello]) is None  # type: ignore[func-returns-value]
    assert await own.refuse_unseen("k1", [Claim((), hello)]) == []
    (finding,) = await own.refuse_unseen("k2", [Claim(("messages", 1), hello)])
    assert (finding.rule, finding.path) == (UNSEEN, ("messages", 1))
