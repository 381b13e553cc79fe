from __future__ import annotations

import subprocess
import sys

import pytest

from guardproxy.cli.open_files import ENOUGH

PROGRAM = """
import resource, sys
from guardproxy.cli.open_files import allow_open_files
soft, hard = (int(each) for each in sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(allow_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard"), [(128, 512), (128, 128), (500, 512)])
def test_the_soft_limit_is_raised_to_the_hard_one_and_no_further(soft: int, hard: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard)], check=True, capture_output=True, text=True
    )
    assert ran.stdout.split() == [str(hard)] * 3


def test_without_a_hard_limit_it_is_a_number_that_systems_take() -> None:
    assert ENOUGH < 2**31
