from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.campaign import campaign
from tests.fuzz.malformed import spoiled


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_malformed_request_breaks_anything_leaks_or_is_forwarded_unlooked_at(
    seed: int, tmp_path: Path
) -> None:
    report = await campaign(400, seed, tmp_path)
    assert report.faults == []
    # Neither all are refused nor none.
    assert report.statuses[200] >= 50
    assert report.statuses[400] >= 100
    assert report.forwarded >= report.statuses[200]
    assert sum(report.statuses.values()) == 400


def test_the_same_seed_makes_the_same_requests() -> None:
    assert [spoiled(random.Random(n)) for n in range(50)] == [spoiled(random.Random(n)) for n in range(50)]
