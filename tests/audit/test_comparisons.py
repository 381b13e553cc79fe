"""What is written comes back, for the owner only, and a full file takes no more differences."""

from __future__ import annotations

import stat
from pathlib import Path

from guardproxy.audit.comparisons import Compared, Comparison, ComparisonFile, RuleChange, read_comparisons

ONE = Comparison(
    time_ms=1, request_id="req_1", current="a@1", candidate="b@2", before="allow", after="block",
    rules=(RuleChange("own.one", "nothing", "block", "request", "an «•••»"),),
)  # fmt: skip
COUNT = Compared(time_ms=2, candidate="b@2", compared=5, different=1, left_out=2)


def test_lines_come_back_as_they_were(tmp_path: Path) -> None:
    file = ComparisonFile(tmp_path / "folder" / "c.jsonl")
    assert file.append(ONE)
    assert file.append(COUNT)
    assert list(read_comparisons(file.path)) == [ONE, COUNT]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_full_file_takes_counts_only(tmp_path: Path) -> None:
    file = ComparisonFile(tmp_path / "c.jsonl", most_bytes=10)
    assert file.append(ONE)
    assert not file.append(ONE)
    assert file.append(COUNT)
    assert list(read_comparisons(file.path)) == [ONE, COUNT]


def test_a_torn_line_hides_no_other(tmp_path: Path) -> None:
    file = ComparisonFile(tmp_path / "c.jsonl")
    file.path.write_bytes(b'{"type":"difference","tim\n')
    file.append(COUNT)
    assert list(read_comparisons(file.path)) == [COUNT]
