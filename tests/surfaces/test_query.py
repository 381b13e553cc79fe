from __future__ import annotations

import re
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.query import LONGEST, QueryMember, read_query, write_query

MEMBERS = {
    "stream": QueryMember(re.compile("true|false")),
    "include[]": QueryMember(re.compile("[a-z.]{1,20}"), many=True),
    "after": QueryMember(re.compile("[0-9]{1,9}"), forwarded=False),
}


def written(raw: str) -> str:
    return write_query(read_query(raw, MEMBERS), MEMBERS)


@pytest.mark.parametrize(
    ("raw", "forwarded"),
    [
        ("", ""),
        ("stream=true", "?stream=true"),
        ("unheard_of=marzipan&stream=false", "?stream=false"),
        ("unheard_of=marzipan", ""),
        ("include[]=a&include%5b%5d=b.c", "?include%5B%5D=a&include%5B%5D=b.c"),
        ("after=7", ""),
        ("str%65am=true", "?stream=true"),
    ],
)
def test_what_is_known_is_written_anew(raw: str, forwarded: str) -> None:
    assert written(raw) == forwarded


def test_what_is_for_the_proxy_is_read_all_the_same() -> None:
    assert read_query("after=7", MEMBERS) == (("after", "7"),)


@pytest.mark.parametrize(
    ("param", "raw"),
    [
        ("stream", "stream=yes"),
        ("stream", "stream="),
        ("stream", "stream=true%0a"),
        ("stream", "stream=true&stream=true"),
        ("include[]", "include[]=A"),
        ("include[]", "include[]=a%26stream%3Dtrue"),
        (None, "stream"),
        (None, "stream=%ff"),
        (None, "a=" + "x" * LONGEST),
        (None, "&".join(["a=1"] * 65)),
    ],
)
def test_what_has_not_its_form_is_refused_without_a_word_of_it(param: str | None, raw: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_query(raw, MEMBERS)
    assert caught.value.param == param
    assert raw not in caught.value.message


def test_a_path_without_a_query_of_its_own_ignores_whatever_comes() -> None:
    assert read_query("%%%", {}) == ()


@given(st.one_of(st.text(max_size=60), st.text("stream=trueafincld[]&%0123456789.;+", max_size=60)))
def test_no_query_brings_anything_upstream_but_its_known_members(raw: str) -> None:
    try:
        query = written(raw)
    except InvalidRequest:
        return
    assert re.fullmatch(r"(\?[A-Za-z0-9%=&.]+)?", query)
    assert all(MEMBERS[name].forwarded and MEMBERS[name].form.fullmatch(value) for name, value in parse_qsl(query[1:]))
