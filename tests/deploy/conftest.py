"""Every values file of the chart's `ci` folder, and the release it makes."""

from __future__ import annotations

import pytest

from tests.deploy.chart import CASES, Release, rendered


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def release(case: str) -> Release:
    return rendered(case)
