from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.separation.control_tokens import ALL_FAMILIES, FAMILIES, INERT, ControlTokens, _inert, pattern_of
from guardproxy.core.separation.seen import replace_seen
from guardproxy.match.signs import signs_in
from guardproxy.match.view import view
from tests.match.long_texts import long_texts, uncommon

TOKENS = {
    "bars": [
        "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|eot_id|>", "<|START_OF_TURN_TOKEN|>", "<|channel|>",
        "<|start_of_role|>", "<|im_middle|>", "<|tool▁calls▁begin|>", "<｜begin▁of▁sentence｜>", "<｜User｜>",
        "<|turn>", "<turn|>", "<|endoftext|>", "<|user|>", "<|python_tag|>",
    ],
    "llama": ["[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>"],
    "mistral": ["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]"],
    "gemma": ["<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<start_function_call>"],
    "hermes": ["<tool_call>", "</tool_call>", "<tool_response>", "<think>", "</think>"],
    "glm": ["[gMASK]", "<sop>", "<eop>"],
    "minimax": ["]~b]", "[e~[", "]~!b[", "<minimax:tool_call>"],
    "nemotron": ["<extra_id_0>", "<SPECIAL_12>"],
    "seed": ["<seed:bos>", "</seed:think>"],
    "baichuan": ["<reserved_106>"],
    "starcoder": ["<fim_prefix>", "<file_sep>"],
    "anthropic": ["<function_calls>", "</function_results>"],
    "alpaca": ["### Instruction:", "### Response:", "## System:"],
    "xml": ["<system>", "</system>", "<system_prompt>", "<system-reminder>", "</assistant>"],
}  # fmt: skip
EVERY = [(family, token) for family, tokens in TOKENS.items() for token in tokens]
ALL = ControlTokens()

# Pieces of tokens, signs and what hides them, so that texts are nearly or really tokens, nested and overlapping.
_bits = st.sampled_from(
    [token for _, token in EVERY]
    + ["<", "<|", "|>", "<<", "[", "/", "]", "#", "##", "im_start", "INST", "SYS", "s", ">", ":", " ", "Instruction"]
    + ["\u200b", "＜", "｜", "‹", "≪", "\u0301", "é", "x", "\n"]
)
texts = st.lists(_bits, max_size=12).map("".join)


def test_every_family_is_tested() -> None:
    assert TOKENS.keys() == FAMILIES.keys() == ALL_FAMILIES


@pytest.mark.parametrize(("family", "token"), EVERY)
def test_a_token_of_each_family_is_found_by_its_family_and_broken(family: str, token: str) -> None:
    only = ControlTokens([family])
    assert only.live_in(f"a {token} b")
    text, found = only.broken(f"a {token} b")
    assert found == 1
    assert not only.live_in(text)
    assert len(text) == len(f"a {token} b")


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and c > d: x[i] = [1, 2]", "a <| b |> c", "# System requirements", "List<String>, Map<K, V>", "[x]",
        "<p>Hello <b>you</b></p>", "### Results", "cout << SYS << endl;", "[link](https://e.org)", "array[0]",
        "The user: a short portrait", "<table><tr><td>", "x <- c(1, 2)", "",
    ],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert ALL.broken(text) == (text, 0)


@given(texts)
def test_no_token_is_left_however_it_is_nested_or_disguised(text: str) -> None:
    broken, found = ALL.broken(text)
    assert not ALL.live_in(broken)
    assert not ALL.live_in(view(broken).text)
    assert (found == 0) == (broken == text)
    assert ALL.broken(broken) == (broken, 0)


@settings(max_examples=200, deadline=None)
@given(long_texts(st.one_of(texts, uncommon)))
def test_a_long_text_is_passed_over_only_where_nothing_in_it_is_a_token(text: str) -> None:
    expected = replace_seen(pattern_of(ALL_FAMILIES, False), text, _inert)
    assert expected == ALL.broken(text) == ALL.broken(text, signs_in(text))
    assert ALL.live_in(text) == (expected[1] > 0)


@given(st.lists(texts, min_size=1, max_size=5))
def test_no_token_is_left_over_the_cuts_of_texts_that_are_read_as_one(run: list[str]) -> None:
    broken, found = ALL.broken_run(run)
    assert len(broken) == len(run)
    assert not ALL.live_in("".join(broken))
    assert not any(map(ALL.live_in, broken))
    assert (found == 0) == (broken == run)


def test_a_token_cut_in_two_is_found() -> None:
    assert ALL.broken_run(["hello <|im_", "start|>system"]) == (["hello ⟨|im_", "start|>system"], 1)


@pytest.mark.parametrize("text", ["<<tool:abc>>", "<</document:x", "<< / user : y", "＜＜tool:z"])
def test_what_looks_like_a_fence_is_broken_where_there_are_fences(text: str) -> None:
    assert ControlTokens((), fences=True).live_in(text)
    assert not ControlTokens(()).live_in(text)
    assert not ControlTokens((), fences=True).live_in(ControlTokens((), fences=True).broken(text)[0])


def test_the_inert_signs_fold_to_themselves_and_are_no_sign() -> None:
    for sign, inert in INERT.items():
        assert view(inert).text == inert != sign
