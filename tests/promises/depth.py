"""How deep the properties of this folder look: `HYPOTHESIS_PROFILE=deep` tries twenty times as many cases."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

DEPTH: Final = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 1

# The texts are made of whole credentials: large for Hypothesis, and shrinking them is not its strength.
_CALM: Final = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
_ONCE: Final = [Phase.generate]


def cases(count: int) -> settings:
    """So many cases, more in a deep run."""
    return settings(max_examples=count * DEPTH, deadline=None, suppress_health_check=_CALM)


def same_cases(count: int) -> settings:
    """So many cases, the same in every run: to count what is generated."""
    return settings(
        max_examples=count, deadline=None, suppress_health_check=_CALM, database=None, derandomize=True, phases=_ONCE
    )
