"""The bench of a request of 10 KB measures what the proxy does with one."""

from __future__ import annotations

import json

import pytest

from bench.ten import SIZE, added, pass_on, policies, request, texts
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import inspect


@pytest.mark.parametrize("kind", texts())
def test_the_request_is_of_the_size_it_is_named_after(kind: str) -> None:
    assert abs(len(request(texts()[kind])) - SIZE) < SIZE / 40


def test_the_packs_find_nothing_in_it() -> None:
    """Then what is measured is looking, not what follows from a finding."""
    packs = policies()["packs"]
    for kind, text in texts().items():
        segments = [Segment(text, provenance, ("a",)) for provenance in (Provenance.TOOL, Provenance.USER)]
        assert inspect(packs, segments).findings == (), kind


def test_under_everything_results_are_fenced_and_nothing_is_refused() -> None:
    found = policies()
    raw = request(texts()["prose"])
    assert json.loads(pass_on(found["empty"], raw)) == json.loads(raw)
    messages = json.loads(pass_on(found["all"], raw))["messages"]
    results = [message["content"] for message in messages if message["role"] == "tool"]
    assert len(results) == 2
    assert all(result.startswith("<<tool:") for result in results)
    assert messages[0]["role"] == "system"


def test_every_figure_is_one() -> None:
    one = added(texts()["prose"], rounds=1)
    assert one.empty_us > 0
    assert one.ratio > 1
    assert one.added_us == one.all_us - one.empty_us
