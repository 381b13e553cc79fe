from __future__ import annotations

from bench.engine.packs import detectors
from bench.engine.whole import DENSE, KINDS, Pass, read, summarise, together
from tests.bench.engine.menagerie import policy


def test_bytes_of_utf8_and_findings_are_counted() -> None:
    one = read(detectors(policy()), ["zebra1234 é", "zebra5678", "plain"])
    assert (one.bytes, one.spans) == (26, 2)
    assert one.seconds >= 0


def test_passes_add_up() -> None:
    assert together([Pass(1, 10, 2), Pass(3, 20, 0)]) == Pass(4, 30, 2)
    assert Pass(0.0, 10, 0).mb_per_s == 0


def test_ordinary_kinds_are_judged_together_and_dense_text_by_itself() -> None:
    # One second at 1 MB/s and two at 4 MB/s: 9 MB in 3 seconds.
    slow, fast = Pass(1, 1_000_000, 0), Pass(1, 4_000_000, 0)
    figures = summarise([dict(zip(KINDS, (slow, fast, fast), strict=True)) | {DENSE: slow}])
    assert [(figure.name.strip(), figure.median, figure.ok) for figure in figures] == [
        ("ordinary text", 3.0, True),
        ("prose", 1.0, None),
        ("code", 4.0, None),
        ("documentation", 4.0, None),
        ("dense text", 1.0, False),
    ]
