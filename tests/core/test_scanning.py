from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.allowance import Allowance, run_through
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import inspect, inspect_in_steps
from guardproxy.core.memo import LEAST, Memo
from guardproxy.core.scanning import Hits, may_hold, runs_of, scan_group
from guardproxy.core.verdict import Verdict
from guardproxy.match.scanner import Span
from tests.support.strategies import Kit, kits, make_kit, texts

LONG = "all is well here, nothing to see " * 3
WORDS = make_kit({"word": "secret{1,3}"})


def run(steps: Generator[None, None, Verdict]) -> tuple[Verdict, int]:
    """The verdict, and how often the inspection stopped on the way."""
    stops = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict, stops
        stops += 1


class Counting:
    """A detector that counts the characters it was asked about."""

    accelerated = False

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.looked_at: list[str] = []

    @property
    def work(self) -> int:
        return int(self._inner.work)

    def accelerate(self) -> None:
        """There is nothing to accelerate."""

    def may_match(self, text: str) -> bool:
        self.looked_at.append(text)
        return bool(self._inner.may_match(text))

    def scan(self, text: str) -> Sequence[Span]:
        found: Sequence[Span] = self._inner.scan(text)
        return found

    def scan_in_steps(self, text: str) -> Generator[None, None, Sequence[Span]]:
        self.looked_at.append(text)
        found: Sequence[Span] = yield from self._inner.scan_in_steps(text)
        return found

    def scanner(self) -> Any:
        return self._inner.scanner()


segments = st.builds(
    lambda contents, runs: [
        Segment(text, Provenance.USER, ("messages", at), number)
        for at, (text, number) in enumerate(zip(contents, runs, strict=False))
    ],
    st.lists(texts | texts.map(lambda text: LONG + text), max_size=8),
    st.lists(st.integers(-1, 2), min_size=8, max_size=8),
)


@given(kits(), st.lists(segments, min_size=1, max_size=4))
def test_with_a_memo_every_request_of_a_conversation_gets_the_verdict_it_gets_without(
    kit: Kit, requests: list[list[Segment]]
) -> None:
    policy = kit.policy()
    memo = Memo(policy.revision, b"key")
    for request in [*requests, *requests]:
        assert run(inspect_in_steps(policy, request, (), memo))[0] == inspect(policy, request)


@settings(max_examples=25)
@given(kits(), segments)
def test_what_is_told_to_be_clean_holds_nothing_accelerated_or_not(kit: Kit, group: list[Segment]) -> None:
    detectors = kit.policy().detectors[Provenance.USER]
    hits: Hits = {}
    run_through(scan_group(detectors, group, hits, Allowance(None)))
    for accelerate in (False, True):
        for detector in detectors:
            if accelerate:
                detector.accelerate()
        assert may_hold(detectors, group, None) or not hits


def conversation(*contents: str) -> list[Segment]:
    return [Segment(text, Provenance.USER, ("messages", at)) for at, text in enumerate(contents)]


def test_a_history_that_was_clean_is_not_looked_at_again() -> None:
    detector = Counting(WORDS.detectors[0])
    policy = WORDS.policy()
    policy = type(policy)(**{
        name: getattr(policy, name) for name in ("name", "revision", "rules", "masking")
    }, detectors={Provenance.USER: (detector,)})  # fmt: skip
    memo = Memo(policy.revision, b"key")
    history = [f"{LONG} {at}" for at in range(5)]
    run(inspect_in_steps(policy, conversation(*history), (), memo))
    assert len(memo) == 5
    detector.looked_at.clear()
    run(inspect_in_steps(policy, conversation(*history, "a secret"), (), memo))
    assert not any(LONG in text for text in detector.looked_at)


def test_what_was_found_once_is_found_again() -> None:
    policy = WORDS.policy()
    memo = Memo(policy.revision, b"key")
    request = conversation(*(f"{LONG} {at}" for at in range(5)), f"{LONG} secret")
    verdicts = [run(inspect_in_steps(policy, request, (), memo))[0] for _ in range(3)]
    assert [len(verdict.findings) for verdict in verdicts] == [1, 1, 1]


def test_what_is_clean_under_one_policy_is_looked_at_under_another() -> None:
    policy = WORDS.policy()
    memo = Memo("another revision", b"key")
    secret = f"{LONG} secret"
    for text in [secret, *(f"{LONG} {at}" for at in range(5))]:
        memo.remember(memo.digest(Provenance.USER, [text]))
    verdict, _ = run(inspect_in_steps(policy, conversation(secret, *(f"{LONG} {at}" for at in range(5))), (), memo))
    assert len(verdict.findings) == 1


def test_clean_parts_do_not_make_their_sum_clean() -> None:
    policy = WORDS.policy()
    memo = Memo(policy.revision, b"key")
    parts = [LONG + "a sec", "ret " + LONG]
    run(inspect_in_steps(policy, conversation(*parts, LONG, LONG + "."), (), memo))
    joined = [Segment(text, Provenance.USER, ("parts", at), 0) for at, text in enumerate(parts)]
    verdict, _ = run(inspect_in_steps(policy, [*joined, *conversation(LONG, LONG + ".")], (), memo))
    assert len(verdict.findings) == 2


def test_short_texts_are_not_worth_remembering() -> None:
    policy = WORDS.policy()
    memo = Memo(policy.revision, b"key")
    run(inspect_in_steps(policy, conversation(*("x" * (LEAST - 1) for _ in range(6))), (), memo))
    assert len(memo) == 0


def test_a_long_text_is_read_with_stops_and_a_short_one_without() -> None:
    policy = WORDS.policy()
    assert run(inspect_in_steps(policy, conversation("nothing at all"))) == (
        inspect(policy, conversation("nothing at all")),
        0,
    )
    long = conversation("a secret " * 100_000)
    verdict, stops = run(inspect_in_steps(policy, long))
    assert verdict == inspect(policy, long)
    assert stops > 20


@given(segments)
def test_a_run_has_several_segments_of_one_number(group: list[Segment]) -> None:
    runs = runs_of(group)
    assert all(len(one) > 1 and len({segment.run for segment in one}) == 1 for one in runs)
    assert -1 not in {segment.run for one in runs for segment in one}


@given(kits(), st.lists(st.tuples(texts, st.integers(0, 80)), max_size=5))
def test_what_is_found_in_texts_looked_at_together_is_what_is_found_in_each(
    kit: Kit, parts: list[tuple[str, int]]
) -> None:
    group = [Segment(" " * before + text, Provenance.USER, (at,)) for at, (text, before) in enumerate(parts)]
    hits: Hits = {}
    assert run_through(scan_group(kit.detectors, group, hits, Allowance(None))) is None
    alone = {segment: spans for segment in group if (spans := [s for d in kit.detectors for s in d.scan(segment.text)])}
    assert hits == alone


@given(kits(), st.lists(texts, min_size=1, max_size=3), st.data())
def test_so_many_texts_that_they_are_not_asked_about_at_once_give_what_each_gives(
    kit: Kit, parts: list[str], data: st.DataObject
) -> None:
    many = [*parts, *["nothing " * 1000] * 10]
    group = [
        Segment(text, Provenance.USER, (at,), data.draw(st.sampled_from([-1, 1])) if text in parts else -1)
        for at, text in enumerate(data.draw(st.permutations(many)))
    ]
    hits: Hits = {}
    stops = len(list(scan_group(kit.detectors, group, hits, Allowance(None))))
    assert stops >= len(kit.detectors)
    for segment in group:
        if not any(segment in one for one in runs_of(group)):
            assert hits.get(segment, []) == [span for detector in kit.detectors for span in detector.scan(segment.text)]
