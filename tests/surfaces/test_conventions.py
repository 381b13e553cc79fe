from __future__ import annotations

import pytest

from guardproxy.errors import InvalidKey, QuotaExceeded, Retry
from guardproxy.surfaces import SURFACES
from guardproxy.surfaces.conventions import ANTHROPIC, OPENAI, Conventions, KeyForm, callers_conventions, conventions_of


@pytest.mark.parametrize("path", ["/messages", "/messages?beta=true", "/messages/count_tokens", "/messages/batches"])
def test_a_path_of_anthropics_api_is_answered_in_its_words_also_where_nothing_is_served(path: str) -> None:
    assert conventions_of(path) is ANTHROPIC


@pytest.mark.parametrize("path", ["/chat/completions", "/models", "/threads/t/messages", "", "/", "messages"])
def test_every_other_path_is_answered_in_openais(path: str) -> None:
    conventions = conventions_of(path)
    assert conventions._replace(forwarded=OPENAI.forwarded) == OPENAI
    version = {"anthropic-version": "2023-06-01"}
    assert callers_conventions(path, {}) == conventions
    assert callers_conventions(path, version) == (ANTHROPIC if path == "/models" else conventions)


def test_each_surface_has_one_set_of_conventions() -> None:
    by_name: dict[str, set[int]] = {}
    for (_, path), surface in SURFACES.items():
        by_name.setdefault(surface.name, set()).add(id(conventions_of(path)))
    assert all(len(found) == 1 for found in by_name.values())
    assert by_name["messages"] == {id(ANTHROPIC)}


@pytest.mark.parametrize(
    ("conventions", "kind"), [(OPENAI, "invalid_request_error"), (ANTHROPIC, "authentication_error")]
)
def test_errors_are_told_in_the_words_of_the_api(conventions: Conventions, kind: str) -> None:
    error = InvalidKey("who are you?")
    body = conventions.errors.body(error, "req_1")
    assert (body["error"]["type"], body["error"]["message"]) == (kind, "who are you?")
    adopted = conventions.errors.adopt({"error": {"message": "no", "type": kind}}, 400)
    assert adopted["error"] == {"message": "no", "type": kind}
    assert conventions.errors.adopt({"fine": 1}, 200) is None
    waiting = QuotaExceeded("later", metric="tokens", retry=Retry(1500))
    assert conventions.errors.headers(waiting) == {"retry-after": "2", "retry-after-ms": "1500"}


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        (KeyForm.BEARER, "authorization: Bearer k\r\n"),
        (KeyForm.X_API_KEY, "x-api-key: k\r\n"),
        (KeyForm.BOTH, "authorization: Bearer k\r\nx-api-key: k\r\n"),
    ],
)
def test_a_key_stands_where_the_server_looks_for_it(form: KeyForm, lines: str) -> None:
    assert form.lines("k") == lines


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("anthropic-version", ["2023-06-01"], ["2023-6-1", "2023-06-01\r\nx: y", "latest", ""]),
        ("anthropic-beta", ["context-1m-2025-08-07", "a-2025-01-31,b-c-20250219", "a-2025-01-31, b-2025-02-19"],
         ["", "A", "a b", "a,,b", "a;b", "gpk_a_b", "a\r\nx: y", "a-words-of-my-own", "a" * 21 + "-2025-01-31",
          "a-2025-31-31", "a-2025-01-31-tail", ",".join(["a-2025-01-31"] * 21)]),
    ],
)  # fmt: skip
def test_what_travels_has_a_form_that_holds_neither_text_nor_a_key(name: str, good: list[str], bad: list[str]) -> None:
    form = ANTHROPIC.forwarded[name]
    assert all(form.fullmatch(value) for value in good)
    assert all(ANTHROPIC.features_in({"anthropic-beta": value}) == "" for value in bad)
    assert OPENAI.features_in({name: good[0]}) == ""
    assert not any(form.fullmatch(value) for value in bad)
    assert name not in OPENAI.forwarded
