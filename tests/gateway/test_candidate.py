"""A candidate sees live traffic and changes none of it; what it cannot look at is counted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from guardproxy.audit.comparisons import Compared, Comparison, ComparisonFile, read_comparisons
from guardproxy.core.choice import PolicySet
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Action, Verdict
from guardproxy.gateway import candidate as module
from guardproxy.gateway.candidate import MOST_BYTES, MOST_WAITING, Candidate, Watched
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.policies import Policies
from guardproxy.surfaces import CHAT_COMPLETIONS
from tests.support.gateway import data_plane, replies, streamed
from tests.support.policies import FORBIDDEN, HIDDEN, PLACEHOLDER, SMALL, small
from tests.support.rest import until
from tests.support.upstream import DONE, chunk, completion, event

STRICTER = small(
    revision="r2",
    rules={name: replace(rule, action=Action.BLOCK) for name, rule in SMALL.rules.items()},
)


def candidate_of(folder: Path) -> Candidate:
    return Candidate(Policies.of(STRICTER), ComparisonFile(folder / "c.jsonl"), lambda: 7, share=0.9)


def lines(folder: Path) -> list[Comparison | Compared]:
    path = folder / "c.jsonl"
    return list(read_comparisons(path)) if path.exists() else []


async def test_what_it_would_change_is_written_and_nothing_is_changed(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path)
    candidate.start()
    async with data_plane(lambda: replies(completion(f"say {HIDDEN}")), SMALL, candidate=candidate) as on:
        answer = await on.chat("hello")
        assert PLACEHOLDER in answer.body.decode()
        assert answer.headers["x-guardproxy-policy"] == "small@r1"
        await until(lambda: bool(lines(tmp_path)))
        (difference,) = lines(tmp_path)
        assert isinstance(difference, Comparison)
        assert (difference.before, difference.after) == ("redact", "block")
        assert (difference.current, difference.candidate) == ("small@r1", "small@r2")
        assert difference.request_id == on.record["request_id"]
        assert HIDDEN not in str(difference)
    await candidate.stop()
    assert lines(tmp_path)[-1] == Compared(time_ms=7, candidate="small@r2", compared=1, different=1, left_out=0)


async def test_a_stream_is_heard_as_it_was_said_by_the_model(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path)
    candidate.start()
    pieces = [event(chunk({"content": text})) for text in ("say code", "word-tulip now")]
    async with data_plane(lambda: streamed(*pieces, DONE), SMALL, candidate=candidate) as on:
        await on.chat("hello", stream=True)
        await until(lambda: bool(lines(tmp_path)))
    await candidate.stop()
    assert [change.direction for change in lines(tmp_path)[0].rules] == ["response"]  # type: ignore[union-attr]


async def test_a_refused_request_is_compared_too(tmp_path: Path) -> None:
    candidate = Candidate(Policies.of(small(revision="r3", rules={}, detectors={})), _file(tmp_path), lambda: 7, 0.9)
    candidate.start()
    async with data_plane(policy=SMALL, candidate=candidate) as on:
        assert (await on.chat(FORBIDDEN)).status == 400
        await until(lambda: bool(lines(tmp_path)))
    await candidate.stop()
    assert [(c.before, c.after) for c in lines(tmp_path)[0].rules] == [("block", "nothing")]  # type: ignore[union-attr]


def _file(folder: Path) -> ComparisonFile:
    return ComparisonFile(folder / "c.jsonl")


def draft(policy: object = SMALL) -> Draft:
    made = Draft("req_1")
    made.principal, made.policy = Principal("id", "n"), SMALL
    return made


async def test_what_finds_no_room_is_counted_and_never_waited_for(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path)
    for _ in range(MOST_WAITING + 3):
        candidate.offer(draft(), Watched(CHAT_COMPLETIONS, b"{}"))
    await candidate.stop()
    (counts,) = lines(tmp_path)
    assert (counts.compared, counts.left_out) == (0, MOST_WAITING + 3)  # type: ignore[union-attr]


async def test_what_is_too_large_is_left_out(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path)
    watched = Watched(CHAT_COMPLETIONS, b"{}")
    watched.hear(b"x" * 10)
    assert watched.answer == [b"x" * 10]
    watched.hear(b"x" * MOST_BYTES)
    assert watched.too_large
    assert not watched.answer
    candidate.offer(draft(), watched)
    await candidate.stop()
    assert [line.left_out for line in lines(tmp_path)] == [1]  # type: ignore[union-attr]


async def test_bytes_nobody_can_read_are_left_out_and_the_next_are_compared(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path)
    candidate.start()
    async with data_plane(policy=SMALL, candidate=candidate) as on:
        assert (await on.chat(5)).status == 400
        await on.chat(HIDDEN)
        await until(lambda: bool(lines(tmp_path)))
    await candidate.stop()
    assert lines(tmp_path)[-1].left_out == 1  # type: ignore[union-attr]


def test_it_concerns_the_policy_of_its_name_or_else_the_default(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path)
    other = small(name="other")
    alone = PolicySet.of(other)
    assert candidate.watch(other, alone, CHAT_COMPLETIONS, b"") is not None
    both = replace(PolicySet.of(SMALL), named={"small": PolicySet.of(SMALL).default, "other": alone.default})
    assert candidate.watch(other, both, CHAT_COMPLETIONS, b"") is None
    assert candidate.watch(SMALL, both, CHAT_COMPLETIONS, b"") is not None


async def test_a_file_that_cannot_be_written_is_counted_as_lost(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").mkdir()
    candidate = candidate_of(tmp_path)
    candidate.offer(draft(), Watched(CHAT_COMPLETIONS, b"{}"))
    await candidate.stop()
    assert candidate.lost == 1


async def test_a_mistake_of_the_comparing_itself_is_counted_apart_with_its_place(tmp_path: Path) -> None:
    def broken(document: Any, *, operator: bool) -> Any:
        raise LookupError

    candidate = candidate_of(tmp_path)
    candidate.start()
    candidate.offer(draft(), Watched(CHAT_COMPLETIONS._replace(read_request=broken), b'{"model": "m"}'))
    await until(lambda: not candidate._waiting)
    await candidate.stop()
    (counts,) = lines(tmp_path)
    assert isinstance(counts, Compared)
    assert (counts.compared, counts.left_out, counts.failed) == (0, 0, 1)
    assert counts.cause.startswith("LookupError at test_candidate.py:")


@pytest.mark.parametrize("idle_s", [-1.0, 10.0])
async def test_it_compares_whether_or_not_the_loop_is_ever_idle(
    idle_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_S", idle_s)
    candidate = candidate_of(tmp_path)
    candidate.start()
    async with data_plane(lambda: replies(completion(f"say {HIDDEN}")), SMALL, candidate=candidate) as on:
        await on.chat("hello")
        await until(lambda: bool(lines(tmp_path)))
    await candidate.stop()
    assert lines(tmp_path)[-1].compared == 1  # type: ignore[union-attr]


async def test_others_have_the_loop_between_any_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = candidate_of(tmp_path)
    happened: list[str] = []
    step = candidate._step

    def noted(steps: Any) -> bool:
        happened.append("step")
        return step(steps)

    monkeypatch.setattr(candidate, "_step", noted)
    monkeypatch.setattr(module, "STRETCH_S", 10.0)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": HIDDEN}]}).encode()
    passed = draft()
    passed.request = Verdict(Action.ALLOW)
    candidate.offer(passed, Watched(CHAT_COMPLETIONS, body))
    candidate.start()

    def other() -> bool:
        happened.append("other")
        return bool(lines(tmp_path))

    while not other() and len(happened) < 100_000:
        await asyncio.sleep(0)
    await candidate.stop()
    assert happened.count("step") > 3
    assert ("step", "step") not in pairwise(happened)
