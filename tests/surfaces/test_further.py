from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.surfaces import SURFACES
from guardproxy.surfaces.further import FURTHER, QUERY, find_further


@pytest.mark.parametrize("name", FURTHER)
def test_an_api_is_known_by_the_first_segment_of_its_path(name: str) -> None:
    assert find_further(f"/{name}") == find_further(f"/{name}/some-id_1/content") == name


@pytest.mark.parametrize(
    "path",
    ["", "/", "files", "/files/", "/files//a", "/files/../responses", "/files/.", "/files/%2e", "/files/a?b", "/file",
     "/realtime", "/realtime/sessions", "/live/sessions", "/filesx", "/Files", "/files/a b", "/files/a\n",
     "/files" + "/a" * 9],
)  # fmt: skip
def test_anything_else_is_none_of_them(path: str) -> None:
    assert find_further(path) is None


def test_none_of_them_is_an_api_that_is_inspected() -> None:
    assert FURTHER.keys().isdisjoint(surface.name for surface in SURFACES.values())
    assert FURTHER.keys().isdisjoint(path.split("/")[1] for _, path in SURFACES)


@given(st.text(max_size=30))
def test_a_query_that_passes_is_one_line_of_plain_characters(query: str) -> None:
    if QUERY.fullmatch(query):
        assert query.isascii()
        assert query.isprintable()
        assert not set(query) & set(" #?\"'<>")
