"""How near the token counts before a call are to tiktoken's: `python -m bench.tokens [--check]`.

Ordinary text is this Python's own (`ordinary_text`): doc strings, code, documentation, in pieces of up to 4,000
characters, and joined to texts ten times as long. Each way of counting is held against an exact count with the
vocabulary of OpenAI's current models: how many texts are within a tenth of it. Then what texts of a million characters
cost that are written to be dear, and how long an event loop stands still while a request reserves for them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.ordinary_text import cut, installed
from guardproxy.core.exchange import Provenance, RequestReading, Segment
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric, Quota
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.reservation import Reservation
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.plan import Planner
from guardproxy.quota.tokenizer import EstimatingTokenizer, TiktokenTokenizer, Tokenizer
from guardproxy.quota.vocabulary import load_encodings

if TYPE_CHECKING:
    from tiktoken import Encoding

MODEL: Final = "gpt-5"
NEAR: Final = 0.10
SHARE: Final = 0.95
MOST_MS: Final = 5.0
MISSED: Final = 1
FAILED: Final = 2

_MILLION: Final = 1_000_000
_JOINED: Final = 10
_AT_ONCE: Final = 50_000  # tiktoken does not survive a million characters of white space in one piece
_TRIES: Final = 5
HOSTILE: Final = {"one letter": "a", "spaces": " ", "line ends": "\n", "accents": "é", "signs": "!", "mixed": "aB"}


class Nearness(NamedTuple):
    """Of `texts`, how large a part is within a tenth of the true count, and how far off the middle one is."""

    texts: int
    share: float
    bias: float


class Cost(NamedTuple):
    """Milliseconds: of counting a text of a million characters, and of the longest silence of an event loop."""

    count_ms: float
    silence_ms: float


def exact(encoding: Encoding, text: str) -> int:
    return sum(len(encoding.encode_ordinary(part)) for part in cut(text, _AT_ONCE))


def nearness(tokenizer: Tokenizer, texts: Sequence[str], counts: Sequence[int]) -> Nearness:
    errors = sorted(tokenizer.count(MODEL, [text]) / count - 1 for text, count in zip(texts, counts, strict=True))
    near = sum(abs(error) <= NEAR for error in errors)
    return Nearness(len(texts), near / len(texts), errors[len(errors) // 2])


def cost(encodings: Mapping[str, Encoding] | None, text: str) -> Cost:
    """The best of some tries, each with a tokenizer that has not seen the text."""
    tries = [_cost(_tokenizer(encodings), text) for _ in range(_TRIES)]
    return Cost(min(each.count_ms for each in tries), min(each.silence_ms for each in tries))


def _tokenizer(encodings: Mapping[str, Encoding] | None) -> Tokenizer:
    return EstimatingTokenizer() if encodings is None else TiktokenTokenizer(encodings)


def _cost(tokenizer: Tokenizer, text: str) -> Cost:
    started = time.perf_counter()
    tokenizer.count(MODEL, [text])
    counted = time.perf_counter() - started
    return Cost(counted * 1000, asyncio.run(_silence(tokenizer, text + " ")) * 1000)


async def _silence(tokenizer: Tokenizer, text: str) -> float:
    """Seconds: the longest that a task which only yields had to wait while a request was admitted."""
    reading = RequestReading(MODEL, False, (Segment(text, Provenance.USER, ("text",)),), output_tokens=10)
    policy = Policy("bench", "1", quotas=(Quota(Metric.TOKENS, 60, 2**53),))
    plan = Planner().plan(policy, Principal("bench", "bench"), MODEL, True)
    reservation = Reservation(MemoryLedger(lambda: 0), "req_1", lambda: 0, tokenizer)
    admission = asyncio.ensure_future(reservation.admit(plan, reading))
    longest, last = 0.0, time.perf_counter()
    while not admission.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await admission
    return longest


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.tokens", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "--installed", type=float, default=4, metavar="MILLIONS", help="characters of text (%(default)s)"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(arguments)
    if not 0.01 <= options.installed <= 1000:
        parser.error("--installed must be from 0.01 to 1000")
    try:
        encodings = load_encodings()
    except ConfigurationError as error:
        print(f"tokens: {error}", file=sys.stderr)
        return FAILED
    near = _all_nearness(encodings, round(options.installed * _MILLION))
    costs = {
        f"{way}, {name}": cost(known, (text * _MILLION)[:_MILLION])
        for way, known in (("estimate", None), ("tiktoken", encodings))
        for name, text in HOSTILE.items()
    }
    print(_as_json(near, costs) if options.json else render(near, costs))
    missed = [name for name, each in near.items() if each.share < SHARE]
    missed += [name for name, each in costs.items() if each.count_ms > MOST_MS]
    for name in missed:
        print(f"tokens: {name} misses its target", file=sys.stderr)
    return MISSED if missed and options.check else 0


def _all_nearness(encodings: Mapping[str, Encoding], characters: int) -> dict[str, Nearness]:
    pieces = [piece.text for piece in installed(characters, lambda line: None)]
    joined = ["\n".join(pieces[at : at + _JOINED]) for at in range(0, len(pieces), _JOINED)]
    encoding = encodings["o200k_base"]
    near = {}
    for kind, texts in (("pieces", pieces), ("long texts", joined)):
        counts = [exact(encoding, text) for text in texts]
        near[f"estimate, {kind}"] = nearness(_tokenizer(None), texts, counts)
        near[f"tiktoken, {kind}"] = nearness(_tokenizer(encodings), texts, counts)
    return near


def render(near: Mapping[str, Nearness], costs: Mapping[str, Cost]) -> str:
    lines = [f"{'counted by':<24} {'texts':>6} {'within 10 %':>12} {'middle':>8}   (target: {SHARE:.0%} within 10 %)"]
    lines += [f"{name:<24} {each.texts:>6} {each.share:>12.1%} {each.bias:>+8.1%}" for name, each in near.items()]
    lines += ["", f"{'a million characters':<24} {'count ms':>9} {'loop silent ms':>15}   (target: {MOST_MS:g} ms)"]
    lines += [f"{name:<24} {each.count_ms:>9.2f} {each.silence_ms:>15.2f}" for name, each in costs.items()]
    return "\n".join(lines)


def _as_json(near: Mapping[str, Nearness], costs: Mapping[str, Cost]) -> str:
    parts = (
        (name, {key: each._asdict() for key, each in part.items()}) for name, part in (("near", near), ("cost", costs))
    )
    return json.dumps(dict(parts), indent=2)


if __name__ == "__main__":
    sys.exit(main())
