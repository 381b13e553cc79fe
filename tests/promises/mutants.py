"""Does the suite notice when the engine is wrong? Small mistakes a hand could make, each tried in a copy of the tree.

`python -m tests.promises.mutants [NAME ...]` puts one mutant after the other into a copy, runs the tests named with it
and says whether they fail. Exit status 1 if a mutant survives, 2 if the tests fail without any mutant or a mutant does
not even load. A mutant whose text no longer stands in its file is a failing test: `test_mutants.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
COPIED: Final = ("guardproxy", "tests", "policies", "bench", "pyproject.toml", "README.md", "Makefile")
LONGEST_S: Final = 300

_PATTERNS: Final = (
    "tests/match/test_pattern_scanner.py",
    "tests/match/test_scanner.py",
    "tests/match/test_pattern_set.py",
)
_TRACKED: Final = ("tests/match/test_tracking_scanner.py", *_PATTERNS)
_SET: Final = ("tests/match/test_set_scanner.py", *_PATTERNS)
_WINDOWS: Final = ("tests/promises/test_windows.py",)
_STREAM: Final = ("tests/core/test_stream.py",)
_VIEW: Final = ("tests/match/test_view.py", "tests/match/test_view_scanner.py")


_SEPARATION: Final = ("tests/promises/test_separation.py",)


class Mutant(NamedTuple):
    """`old`, which stands once in `file` (below `guardproxy/`), becomes `new`; `tests` should notice."""

    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]


MUTANTS: Final = (
    Mutant(
        "the parts in which a long text is asked about hardly overlap",
        "match/pattern_set.py",
        "self._overlap = self._prefilter.longest + 2",
        "self._overlap = self._prefilter.longest // 2",
        ("tests/match/test_pattern_set.py",),
    ),
    Mutant(
        "what goes on behind a pause began there",
        "core/stream.py",
        "going_on = tuple([scanner.fork() for scanner in self._scanners])",
        "going_on = self._scanners",
        _STREAM,
    ),
    Mutant(
        "a fork of the readings reads on in the same scanner",
        "match/readings_scanner.py",
        "other._written = self._written.fork()",
        "other._written = self._written",
        ("tests/match/test_readings_scanner.py",),
    ),
    Mutant(
        "a stream does not read JSON in JSON as a whole text is read",
        "match/readings_scanner.py",
        "if fork.deep is None and is_nested(",
        "if fork.deep is not None and is_nested(",
        ("tests/match/test_escapes.py",),
    ),
    Mutant(
        "a field ends again that an upstream returns to",
        "surfaces/chat_completions/sequence.py",
        "if not self._returns and any(",
        "if any(",
        ("tests/surfaces/chat_completions/test_sequence.py",),
    ),
    Mutant(
        "a field waits for the end of its choice unless the policy says otherwise",
        "core/inspection.py",
        "self.ordered = policy.answer_fields is not AnswerFields.INTERLEAVED",
        "self.ordered = policy.answer_fields is AnswerFields.SEQUENTIAL",
        ("tests/surfaces/chat_completions/test_sequence.py",),
    ),
    Mutant(
        "what is left of a field goes out in the event of the next one",
        "surfaces/chat_completions/beside.py",
        "        if text and grew:",
        "        if text and (grew := key in present):",
        ("tests/surfaces/chat_completions/test_sequence.py",),
    ),
    Mutant(
        "a nonce inside of a fence stays",
        "core/separation/fence.py",
        "        if self.nonce in text.lower() if text.isascii() else self._may_stand_in(text):",
        "        if self.nonce in text.lower():",
        ("tests/core/separation/test_fence.py", *_SEPARATION),
    ),
    Mutant(
        "a control token cut in two between parts stays",
        "core/separation/control_tokens.py",
        "while len(out) > 1 and (cut",
        "while len(out) > 9 and (cut",
        _SEPARATION,
    ),
    Mutant(
        "text beside a fenced content passes",
        "core/separation/apart.py",
        "if not _SAID.search(text):",
        "if _SAID.search(text):",
        _SEPARATION,
    ),
    Mutant(
        "a token behind the escapes of JSON stays",
        "core/separation/cleaning.py",
        'if not depth or "\\\\" not in text or',
        'if depth or "\\\\" not in text or',
        _SEPARATION,
    ),
    Mutant(
        "a token is only broken as it is written",
        "core/separation/seen.py",
        "    seen = view(text)\n    return seen.spans",
        '    seen = view(text.encode("ascii", "replace").decode())\n    return seen.spans',
        _SEPARATION,
    ),
    Mutant(
        "a hold is one character too far",
        "match/pattern_scanner.py",
        "self._holds[start] = end",
        "self._holds[start] = end + 1",
        _PATTERNS,
    ),
    Mutant(
        "safe is the first hold, not the least",
        "match/pattern_scanner.py",
        "self._sure = min(hold for _, hold in self.threads())",
        "self._sure = self.threads()[0][1]",
        _PATTERNS,
    ),
    Mutant(
        "the end of the text confirms nothing",
        "match/pattern_scanner.py",
        "if cut_off or start == opened:",
        "if cut_off:",
        _PATTERNS,
    ),
    Mutant(
        "a thread goes on from the wrong start",
        "match/pattern_scanner.py",
        "if one & new or start < starts[key]:",
        "if one & new or start > starts[key]:",
        _PATTERNS,
    ),
    Mutant(
        "what stands before a match is forgotten",
        "match/heads.py",
        "return self._ground(self._kind(self.members[before]).barring if before else 0)",
        "return self._ground(0)",
        _SET,
    ),
    Mutant(
        "a match may begin behind anything",
        "match/automaton.py",
        "0 if self._bits[self._program.not_before] & members else rigid.first",
        "rigid.first",
        _PATTERNS,
    ),
    Mutant(
        "a match is confirmed by any character behind it",
        "match/automaton.py",
        "confirming = late and not self._bits[self._program.not_after] & members",
        "confirming = late",
        _PATTERNS,
    ),
    Mutant(
        "the latest of all starts that leave by an exit goes on",
        "match/rigid.py",
        "if distance > greatest:",
        "if not greatest:",
        ("tests/match/test_rigid.py", *_PATTERNS),
    ),
    Mutant(
        "of several matches that are open the last is confirmed",
        "match/pattern_scanner.py",
        "ways.sort()",
        "ways.sort(reverse=True)",
        _PATTERNS,
    ),
    Mutant(
        "what is pending is not seen by who asks",
        "match/pattern_scanner.py",
        "return self._enter(starts, self._expected, self._pending, ~1, self.position), starts",
        "return self._expected, starts",
        _PATTERNS,
    ),
    Mutant(
        "a position of two distances is rigid",
        "match/rigid.py",
        "if again := level & seen:",
        "if again := level & 0:",
        ("tests/match/test_rigid.py", *_PATTERNS),
    ),
    Mutant(
        "the last copy of a repeat is left out",
        "match/laying.py",
        "row & -(first << (least - 1))",
        "row & -(first << (least - 1)) & ~(top if low < high < UNBOUNDED else 0)",
        ("tests/match/test_laying.py", "tests/match/test_layout.py"),
    ),
    Mutant(
        "what may be left out must be there",
        "match/laying.py",
        "last = piece.last | (last if piece.empty else 0)",
        "last = piece.last",
        ("tests/match/test_laying.py", "tests/match/test_layout.py"),
    ),
    Mutant(
        "a stream pays for its steps again with every piece",
        "core/stream.py",
        "self._worked, self._counted = worked, self._counted + characters",
        "self._counted += characters",
        ("tests/core/test_allowance.py",),
    ),
    Mutant(
        "a text that costs too much is let through as far as it was found harmless",
        "core/inspection.py",
        "return Verdict(Action.BLOCK, told, coverage=unread)",
        "break",
        ("tests/core/test_allowance.py",),
    ),
    Mutant(
        "what was held back leaves when a text costs too much",
        "core/stream.py",
        "if owing >= _PAID_AT_ONCE and not self._pay():\n            return self._give_up()",
        "if owing >= _PAID_AT_ONCE and not self._pay():\n            return text",
        ("tests/core/test_allowance.py",),
    ),
    Mutant(
        "a unit is woken where it was noticed, not where it began",
        "match/set_scanner.py",
        "woken = [(unit, self._age_of(1 << unit) + 1) for unit",
        "woken = [(unit, 1) for unit",
        _PATTERNS,
    ),
    Mutant(
        "while one unit is awake nobody asks what the others may have begun",
        "match/set_scanner.py",
        "safe = self.position - self._age_of(self._asleep)",
        "safe = self.position",
        _SET,
    ),
    Mutant(
        "a unit sleeps while something of it is alive",
        "match/set_scanner.py",
        "if scanner.idle:",
        "if scanner.idle or scanner.safe == scanner.position:",
        _SET,
    ),
    Mutant(
        "a start that was followed for long is dropped, and its unit sleeps on",
        "match/lookout.py",
        "woken |= heads[0].units",
        "heads, ages = heads[1:], ages[1:]",
        _SET,
    ),
    Mutant(
        "a crowd of starts is dropped, and its unit sleeps on",
        "match/lookout.py",
        "            woken |= _crowded(heads)\n",
        "            heads, ages = heads[:2], ages[:2]\n",
        _SET,
    ),
    Mutant(
        "the window is one character short",
        "match/needles.py",
        "min(begin + longest + 1, len(text))",
        "min(begin + longest, len(text))",
        ("tests/match/test_needles.py", "tests/match/test_prefilter.py", *_PATTERNS),
    ),
    Mutant(
        "a window begins without what stands before it",
        "match/pattern_set.py",
        'before=text[begin - 1] if begin else ""',
        'before=""',
        _WINDOWS,
    ),
    Mutant(
        "a match that goes on behind a window is not read to its end",
        "match/pattern_set.py",
        "scanner.open_from() < end:",
        "scanner.open_from() < 0:",
        ("tests/match/test_pattern_set.py",),
    ),
    Mutant(
        "a later start of a checked pattern is ignored",
        "match/checked.py",
        "for start, matches in hits:",
        "for start, matches in hits[:1]:",
        ("tests/match/test_checked.py", *_TRACKED),
    ),
    Mutant(
        "a run of candidates is as long as from the one that was seen first",
        "match/checked.py",
        "            run.start = start\n",
        "            pass\n",
        ("tests/match/test_checked.py",),
    ),
    Mutant(
        "what began with what was put down hides what began earlier",
        "match/pattern_scanner.py",
        "return min(earliest, self._earliest_loose(loose, position))",
        "return self._earliest_loose(loose, position)",
        ("tests/match/test_pattern_scanner.py",),
    ),
    Mutant(
        "what a fork passed is taken for told in the other",
        "match/checked.py",
        "[*self._threads], {**self._settled}",
        "[*self._threads], self._settled",
        ("tests/match/test_checked.py",),
    ),
    Mutant(
        "a unit is woken where its first start inside of a word is not",
        "match/set_scanner.py",
        "return max(self._at_words.age_of(units), self._anywhere.age_of(units))",
        "return self._at_words.age_of(units) or self._anywhere.age_of(units)",
        ("tests/match/test_checked.py",),
    ),
    Mutant(
        "a check sees one character too few",
        "match/checked.py",
        "check(reading.text[start - reading.base : end - reading.base])",
        "check(reading.text[start - reading.base : end - reading.base - 1])",
        ("tests/match/test_checked.py", *_TRACKED),
    ),
    Mutant(
        "what a tracker holds is not held",
        "match/tracking_scanner.py",
        "return min(self._scanner.position, tracker.safe(self._scanner.position), *holds)",
        "return min(self._scanner.position, *holds)",
        _TRACKED,
    ),
    Mutant(
        "a tracker loses the text before its piece",
        "match/tracking_scanner.py",
        "if len(self._text) > 2 * self._reach:",
        "if len(self._text) > self._reach // 2:",
        ("tests/match/test_checked.py", *_TRACKED),
    ),
    Mutant(
        "a block does not begin anew at a later start",
        "match/blocks.py",
        "self._open, self._limit = True, end + self._most",
        "self._open, self._limit = True, (self._limit or end + self._most)",
        ("tests/match/test_blocks.py", *_TRACKED),
    ),
    Mutant(
        "a later start in what is quiet does not make a block reach farther",
        "match/blocks.py",
        "                self._limit = end + self._most\n",
        "",
        ("tests/match/test_blocks.py", *_TRACKED),
    ),
    Mutant(
        "what is shown of a text may use up what the next one needs",
        "core/allowance.py",
        "return self._left >= FREE // 2",
        "return True",
        ("tests/core/test_allowance.py",),
    ),
    Mutant(
        "what began before a block was opened again may end it",
        "match/blocks.py",
        "            self._expected = self._ends.expected\n            at = end\n",
        "            at = end\n",
        ("tests/match/test_blocks.py",),
    ),
    Mutant(
        "a number may start behind what bars it",
        "match/starts.py",
        "for p, bars in enumerate(barred) if not bars))",
        "for p, bars in enumerate(barred)))",
        ("tests/match/test_starts.py", "tests/match/test_checked.py", *_TRACKED),
    ),
    Mutant(
        "a character that becomes several moves what comes behind it",
        "match/view.py",
        "self._mark(~self.written)",
        "self._mark(~self.written - 1)",
        _VIEW,
    ),
    Mutant(
        "what is folded away behind a growing match goes out",
        "match/view_scanner.py",
        "self._safe = min(self._safe, self._map.source_end(safe))",
        "self._safe = max(self._safe, self._map.source_end(safe))",
        _VIEW,
    ),
    Mutant(
        "one character more than is safe is released",
        "core/stream.py",
        "        return self._release(safe)\n",
        "        return self._release(min(safe + 1, self._base + len(self._buffer)))\n",
        _STREAM,
    ),
    Mutant(
        "the last scanner decides what is safe",
        "core/stream.py",
        "            if scanner.safe < safe:\n                safe = scanner.safe\n",
        "            safe = scanner.safe\n",
        _STREAM,
    ),
    Mutant(
        "the last of several rules names a match",
        "core/stream.py",
        "self._pending.sort()",
        "self._pending.sort(key=lambda span: (span.start, -span.order))",
        _STREAM,
    ),
    Mutant(
        "a match inside of another one cuts it short",
        "core/stream.py",
        "self._covered = max(self._covered, span.end)",
        "self._covered = span.end",
        _STREAM,
    ),
    Mutant(
        "the end of the text is not asked for what it confirms",
        "core/stream.py",
        "self._queue(self._ranks[number], scanner.finish())",
        "self._queue(self._ranks[number], scanner.finish()[:-1])",
        _STREAM,
    ),
    Mutant(
        "matches that touch are one in a whole text and two in a stream",
        "core/rewrite.py",
        "if span.start >= at:",
        "if span.start > at or not out:",
        _STREAM,
    ),
    Mutant(
        "a CR at the end of a piece is forgotten",
        "wire/sse.py",
        "if chunk[0] == 0x0A:",
        "if chunk[0] == 0x0D:",
        ("tests/wire/test_sse.py", "tests/promises/test_bytes.py"),
    ),
)


def suite(mutants: Sequence[Mutant]) -> list[str]:
    """All files that should notice one of them."""
    return sorted({test for mutant in mutants for test in mutant.tests})


class Copy:
    """A copy of the tree in which one file at a time is mutated."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.said = ""
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.is_file():
                shutil.copy2(source, directory / name)

    def passes(self, tests: Sequence[str], longest_s: int = LONGEST_S) -> bool | None:
        """Whether these tests pass; None if they could not be run. What they say is kept in `said`."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests]
        environment = {**os.environ, "PYTHONPATH": str(self._directory), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=self._directory,
                env=environment,
                capture_output=True,
                text=True,
                timeout=longest_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.said = f"not over after {longest_s} s\n"
            return False  # a test that does not end notices too
        self.said = done.stdout
        return {0: True, 1: False}.get(done.returncode)

    def passes_with(self, mutant: Mutant) -> bool | None:
        file = self._directory / "guardproxy" / mutant.file
        source = file.read_text(encoding="utf-8")
        file.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
        try:
            return self.passes(mutant.tests)
        finally:
            file.write_text(source, encoding="utf-8")


def main(names: Sequence[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    if not chosen:
        sys.stdout.write("there is no mutant of that name\n")
        return 2
    with tempfile.TemporaryDirectory() as directory:
        copy = Copy(Path(directory))
        if copy.passes(suite(chosen), 4 * LONGEST_S) is not True:
            sys.stdout.write(f"{copy.said[-4000:]}\nthe tests fail without any mutant\n")
            return 2
        verdicts = [_try(copy, mutant) for mutant in chosen]
    sys.stdout.write(f"{verdicts.count(False)} of {len(chosen)} mutants killed\n")
    return 2 if None in verdicts else int(True in verdicts)


def _try(copy: Copy, mutant: Mutant) -> bool | None:
    begin = time.monotonic()
    passes = copy.passes_with(mutant)
    verdict = {True: "SURVIVED", False: "killed", None: "DOES NOT RUN"}[passes]
    sys.stdout.write(f"{verdict:12} {time.monotonic() - begin:5.1f} s  {mutant.file}: {mutant.name}\n")
    sys.stdout.flush()
    return passes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
