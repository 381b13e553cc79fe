"""What the packs cost before the first request: the time to load them, and the memory they hold for good.

    python -m bench.engine.footprint POLICY [TEXTS]

Both are measured in processes of their own, which print a `Footprint`. Memory is what the system says is resident,
less what it said before the policy was loaded, when everything was imported and the same texts had been read by the
same process under a policy without rules; each time after a full garbage collection. TEXTS is a file of ordinary
texts, a JSON string a line: they are read whole, and the first of them streamed, so that every cache holds what it
would hold in use. Then come the hostile texts, twice: what the second helping adds is what grows without end.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

from bench import BenchError
from bench.engine.chunks import warm_up
from bench.engine.cost import streamed
from bench.engine.figures import Figure, Section
from bench.engine.hostile_inputs import hostile_inputs, match_examples
from bench.engine.hostile_policies import HostilePolicy, hostile_policies
from bench.engine.packs import BOTH_PACKS, NO_RULES, detectors, loaded, written
from bench.ordinary_text import Piece
from bench.processes import PROC
from bench.results import Spread
from guardproxy.core.policy import Policy
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.compile import compile_policy
from guardproxy.policyfile.load import read_policy

RUNS: Final = 3
TEXTS: Final = 2_000_000
STREAMED: Final = 300_000
HOSTILE: Final = 40_000
HOSTILE_S: Final = 0.2

MOST_LOAD_S: Final = 2.0
MOST_RESIDENT_MB: Final = 60.0
MOST_GROWTH_MB: Final = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Footprint:
    """CPU seconds to read the files and to compile them; resident megabytes at five moments, None if not asked for.

    `policy_mb` is the most that one hostile policy added, with its own text streamed; `highest_mb` the most ever.
    """

    read_s: float
    compile_s: float
    before_mb: float | None = None
    loaded_mb: float | None = None
    used_mb: float | None = None
    attacked_mb: float | None = None
    again_mb: float | None = None
    policy_mb: float = 0.0
    highest_mb: float = 0.0


def resident_mb() -> float:
    """What this process holds after a garbage collection (proc(5): statm, field 2, pages; or ps(1): kilobytes)."""
    gc.collect()
    if (statm := PROC / "self/statm").exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) * 1024 / 1e6


def highest_mb() -> float:
    """The most memory this process ever had (getrusage(2): kilobytes, on macOS bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def look(policy_file: Path, texts: Path | None) -> Footprint:
    """Load the policy in this process. With texts: also measure memory, which takes a while."""
    if texts is None:
        return Footprint(*_timed_load(policy_file)[1:])
    use(loaded(NO_RULES), texts)
    before = resident_mb()
    policy, read_s, compile_s = _timed_load(policy_file)
    ready = resident_mb()
    use(policy, texts)
    used = resident_mb()
    templates = match_examples(read_policy(policy_file))
    attack(policy, templates, "first")
    attacked = resident_mb()
    attack(policy, templates, "second")
    again = resident_mb()
    highest = highest_mb()
    return Footprint(read_s, compile_s, before, ready, used, attacked, again, _dearest_policy(), highest)


def _dearest_policy() -> float:
    return max((_added_by(one) for one in hostile_policies()), default=0.0)


def _added_by(one: HostilePolicy) -> float:
    before = resident_mb()
    try:
        policy = loaded(one.policy)
    except ConfigurationError:
        return 0.0  # it is refused: nobody can load it
    streamed(policy, one.text.make(Random(one.name), HOSTILE), 2 * HOSTILE_S)
    return resident_mb() - before


def _timed_load(policy_file: Path) -> tuple[Policy, float, float]:
    began = time.process_time()
    document = read_policy(policy_file)
    read = time.process_time()
    policy = compile_policy(document)
    return policy, read - began, time.process_time() - read


def use(policy: Policy, texts: Path) -> None:
    """Read the texts as requests bring them, the first of them also as answers stream."""
    using = detectors(policy)
    to_stream = STREAMED
    for text in _lines(texts):
        for detector in using:
            detector.scan(text)
        if to_stream > 0:
            warm_up(policy, text)
            to_stream -= len(text)


def attack(policy: Policy, templates: Sequence[str], helping: str, characters: int = HOSTILE) -> None:
    """Some of every hostile text, streamed; what is random in it differs with each helping."""
    for text in hostile_inputs(templates):
        made = text.make(Random(f"{helping} {text.name}"), characters)
        streamed(policy, made, HOSTILE_S)


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            text: str = json.loads(line)
            yield text


def measure(pieces: Sequence[Piece], say: Say) -> Section:
    """One process that measures memory too, then processes that only load."""
    with written(BOTH_PACKS) as policy, tempfile.TemporaryDirectory(prefix="guardproxy-bench-") as folder:
        texts = Path(folder) / "texts.jsonl"
        amount = _write(texts, pieces)
        first = measure_in_a_process(policy, texts)
        say(f"loaded in {first.read_s + first.compile_s:.1f} s; twice more")
        runs = [first, *(measure_in_a_process(policy) for _ in range(RUNS - 1))]
    title = (
        f"both packs, {RUNS} fresh processes, CPU; memory of one of them beyond that of a policy without rules, "
        f"used: {amount:,} characters of ordinary text, {STREAMED:,} of them streamed"
    )
    return Section("footprint", title, summarise(runs))


def _write(file: Path, pieces: Sequence[Piece]) -> int:
    amount = 0
    with file.open("w", encoding="utf-8") as lines:
        for piece in Random("mixed").sample(pieces, len(pieces)):
            if amount >= TEXTS:
                break
            lines.write(json.dumps(piece.text) + "\n")
            amount += len(piece.text)
    return amount


def measure_in_a_process(policy: Path, texts: Path | None = None) -> Footprint:
    """`look`, in a fresh process. Raises BenchError when that fails."""
    command = [sys.executable, "-m", "bench.engine.footprint", str(policy), *([str(texts)] if texts else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"a process that loads both packs ended with {done.returncode}:\n{done.stderr.strip()}")
    return Footprint(**json.loads(done.stdout))


def summarise(runs: Sequence[Footprint]) -> list[Figure]:
    """The first run has the memory."""
    figures = [
        Figure("load: read and compile", Spread.of([run.read_s + run.compile_s for run in runs]), "s", MOST_LOAD_S),
        Figure("  read", Spread.of([run.read_s for run in runs]), "s"),
        Figure("  compile", Spread.of([run.compile_s for run in runs]), "s"),
    ]
    first = runs[0]
    if first.before_mb is None:
        return figures
    moments = (
        ("resident, loaded", first.loaded_mb, first.before_mb, None),
        ("resident, used", first.used_mb, first.before_mb, MOST_RESIDENT_MB),
        ("resident, after hostile text", first.attacked_mb, first.before_mb, MOST_RESIDENT_MB),
        ("  what as much again adds", first.again_mb, first.attacked_mb, MOST_GROWTH_MB),
    )
    figures += [
        Figure(name, at - since, "MB", most, digits=1)
        for name, at, since, most in moments
        if at is not None and since is not None
    ]
    figures += [
        Figure("  what the dearest hostile policy adds", first.policy_mb, "MB", MOST_RESIDENT_MB, digits=1),
        Figure("highest ever, hostile text included", first.highest_mb - first.before_mb, "MB", digits=1),
    ]
    return figures


def main() -> None:
    policy, *texts = map(Path, sys.argv[1:])
    print(json.dumps(asdict(look(policy, texts[0] if texts else None))))


if __name__ == "__main__":
    main()
