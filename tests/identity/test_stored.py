from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from guardproxy.core.scope import ANYTHING
from guardproxy.identity.stored import ROUTES, Former, KeyTerms, StoredKey
from tests.identity.making import MOMENT, made

NETWORKS = st.sampled_from(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "0.0.0.0/0"])


@given(
    st.lists(st.sampled_from(["gpt-5*", "o3"]), max_size=3),
    st.lists(st.sampled_from(ROUTES), max_size=3),
    st.lists(NETWORKS, max_size=3),
    st.lists(st.sampled_from(["viewer", "admin"]), max_size=2),
)
def test_what_is_written_down_is_the_key(
    models: list[str], routes: list[str], cidrs: list[str], roles: list[str]
) -> None:
    _, key = made(models=tuple(models), routes=tuple(routes), cidrs=tuple(cidrs), roles=tuple(roles))
    import json

    assert StoredKey.model_validate_json(json.dumps(key.plain())) == key


def test_a_key_that_bounds_nothing_is_written_in_five_lines_the_id_first() -> None:
    assert list(made()[1].plain()) == ["id", "name", "digest", "speaks_as", "created"]


def test_what_is_shown_holds_no_digest() -> None:
    _, key = made(rotated_from=Former(digest="0" * 64, until=MOMENT))
    shown = str(key.shown())
    assert key.digest not in shown
    assert "0" * 64 not in shown
    assert key.shown()["rotated_from"] == {"until": "2030-05-01T12:00:00Z"}


def test_a_key_without_bounds_shares_the_scope_of_anything() -> None:
    assert made()[1].scope is ANYTHING


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("routes", ["chat"], "is no API that is served"),
        ("routes", ["chat_completion"], "did you mean 'chat_completions'"),
        ("cidrs", ["10.0.0.1/8"], "is a network such as"),
        ("cidrs", ["everywhere"], "is a network such as"),
        ("roles", ["root"], "viewer"),
        ("tags", ["a\nb"], "printable"),
        ("models", [""], "printable"),
        ("models", ["m"] * 101, "at most 100"),
        ("policies", ["gpk_x"], "not a key"),
        ("name", "", "printable"),
    ],
)
def test_terms_that_make_no_sense_are_refused_with_the_reason(field: str, value: object, said: str) -> None:
    terms = {"name": "alice", field: tuple(value) if isinstance(value, list) else value}
    with pytest.raises(ValidationError, match=said):
        KeyTerms.model_validate(terms)


def test_a_key_that_would_never_be_valid_is_refused() -> None:
    with pytest.raises(ValidationError, match="not_before is not before expires"):
        KeyTerms(name="alice", not_before=MOMENT, expires=MOMENT)


def test_the_status_of_a_key_goes_with_the_time() -> None:
    _, key = made(not_before=MOMENT, expires=MOMENT + timedelta(hours=2))
    hours = [-1, 0, 1, 2]
    assert [key.status(MOMENT + timedelta(hours=hour)) for hour in hours] == [
        "not yet valid", "active", "active", "expired",
    ]  # fmt: skip
    assert key.model_copy(update={"revoked": MOMENT}).status(MOMENT) == "revoked"
