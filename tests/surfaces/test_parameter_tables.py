from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from openai.types.chat.chat_completion_stream_options_param import ChatCompletionStreamOptionsParam
from openai.types.chat.completion_create_params import CompletionCreateParamsBase as ChatParams
from openai.types.completion_create_params import CompletionCreateParamsBase as CompletionParams
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.moderation_create_params import ModerationCreateParams
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from guardproxy.surfaces.parameter_tables import DENIED, DIALECTS, OFFICIAL

CLIENT: list[tuple[str, Any]] = [
    ("chat_completions", ChatParams),
    ("completions", CompletionParams),
    ("embeddings", EmbeddingCreateParams),
    ("moderations", ModerationCreateParams),
    ("responses", ResponseCreateParamsBase),
    ("responses", InputTokenCountParams),
]
NAMES = [
    (surface, name) for table in (OFFICIAL, DIALECTS, DENIED) for surface, names in table.items() for name in names
]


@pytest.mark.parametrize(("surface", "params"), CLIENT)
def test_all_that_the_official_client_can_send_is_known(surface: str, params: Any) -> None:
    assert set(get_type_hints(params)) - OFFICIAL[surface] == set()


def test_all_that_the_official_client_of_messages_can_send_is_known() -> None:
    types = pytest.importorskip("anthropic.types")
    beta = types.beta
    known = OFFICIAL["messages"] | {"betas"}  # a header
    for params in (
        types.message_create_params.MessageCreateParamsBase, types.MessageCountTokensParams,
        beta.message_create_params.MessageCreateParamsBase, beta.MessageCountTokensParams,
    ):  # fmt: skip
        assert set(get_type_hints(params)) - known - {"fallbacks"} == set()
    assert "fallbacks" in DENIED["messages"]


@pytest.mark.parametrize("surface", ["chat_completions", "completions"])
def test_all_stream_options_of_the_official_client_are_known(surface: str) -> None:
    options = {f"stream_options.{name}" for name in get_type_hints(ChatCompletionStreamOptionsParam)}
    assert options - OFFICIAL[surface] == set()


def test_every_surface_stands_in_every_table() -> None:
    assert set(OFFICIAL) == set(DIALECTS) == set(DENIED)


@pytest.mark.parametrize("surface", sorted(OFFICIAL))
def test_only_the_echo_of_a_prompt_is_official_and_denied(surface: str) -> None:
    assert set(DENIED[surface]) & OFFICIAL[surface] <= {"echo"}


@pytest.mark.parametrize("surface", sorted(OFFICIAL))
def test_what_is_denied_is_not_called_harmless_elsewhere(surface: str) -> None:
    assert set(DENIED[surface]) & DIALECTS[surface] == set()


def test_names_are_written_in_lower_case() -> None:
    assert [name for _, name in NAMES if name != name.casefold()] == []


def test_every_reason_completes_the_sentence() -> None:
    reasons = {denied.reason for table in DENIED.values() for denied in table.values()}
    assert [reason for reason in reasons if not reason or reason[0].isupper() or reason.endswith(".")] == []
