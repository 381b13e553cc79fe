from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from guardproxy.surfaces.foreign_errors import is_about_content, is_about_credentials, message_of
from tests.support.strategies import json_values


@pytest.mark.parametrize(
    ("said", "document"),
    [
        ("no", {"error": "no", "detail": "other"}),
        ("no", {"message": "no"}),
        ("no", {"detail": "no"}),
        ("body.max_tokens: too large", {"detail": [{"loc": ["body", "max_tokens"], "msg": "too large", "type": "x"}]}),
        ("body.messages.0: a; b", {"detail": [{"loc": ["body", "messages", 0], "msg": "a"}, {"msg": "b"}]}),
        ("off", {"detail": ["no", {"loc": None, "message": "off"}]}),
        ("no", {"detail": {"message": "no"}}),
        (None, {"detail": [{"loc": ["body"]}, 3]}),
        (None, {"error": {"message": "read elsewhere"}}),
        (None, {}),
    ],
)
def test_the_words_of_an_error_are_found_where_servers_write_them(said: str | None, document: dict[str, Any]) -> None:
    assert message_of(document) == said


def test_of_many_faults_the_first_are_told() -> None:
    message = message_of({"detail": [{"msg": f"fault {number}"} for number in range(1000)]})
    assert message is not None
    assert message.startswith("fault 0; fault 1")
    assert len(message) < 200


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"message": "Your input was flagged", "code": 403, "metadata": {"reasons": ["violence"]}}},
        {"error": {"message": "x requires moderation. Your API key is fine.", "metadata": {"flagged_input": "y"}}},
        {"error": {"message": "no", "code": "content_policy_violation"}},
        {"error": {"message": "no", "type": "Moderation"}},
        {"error": "Request blocked by our content policy"},
        {"detail": "the prompt was flagged"},
    ],
)
def test_a_refusal_of_what_was_asked_is_told_from_one_of_the_key(document: dict[str, Any]) -> None:
    assert is_about_content(document)


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"message": "Your API key was flagged", "code": "invalid_api_key"}},
        {"error": {"message": "You do not have permission to use the moderation models", "type": "permission_error"}},
        {"error": {"message": "Country not supported", "code": "unsupported_country_region_territory"}},
        {"error": {"type": ["safety"], "metadata": {"reasons": "x"}}},
        {"error": {}},
        {"message": "Forbidden"},
        ["flagged"],
    ],
)
def test_what_does_not_speak_of_the_content_is_not_about_it(document: Any) -> None:
    assert not is_about_content(document)


@given(json_values)
def test_any_document_can_be_asked(document: Any) -> None:
    assert is_about_content(document) in (True, False)
    if isinstance(document, dict):
        assert message_of(document) is None or isinstance(message_of(document), str)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Invalid API key", True),
        ('{"error": {"code": "invalid_api_key", "message": "x"}}', True),
        ("Unauthorized", True),
        ("authentication failed", True),
        ("this file is of another project", False),
        ("blocked by moderation", False),
        ("", False),
    ],
)
def test_a_refusal_is_about_the_credentials_if_it_speaks_of_them(said: str, expected: bool) -> None:
    assert is_about_credentials(said) is expected
