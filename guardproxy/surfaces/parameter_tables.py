"""Which parameters are known, and which would defeat the guard: two tables to read and to add to.

`OFFICIAL` are the members OpenAI documents; `DIALECTS` those other servers add that change how an answer is made or
told, but not what was inspected. `DENIED` are the ones after which the model reads something else than was inspected,
or says it past the guard; each has its reason. A name below another one is written with a dot, in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class Denied(NamedTuple):
    """Why a parameter is refused, completing "it is refused: ...".

    `harmless` are values that mean what leaving it out means. With `only`, nothing but these values is refused.
    """

    reason: str
    harmless: tuple[Any, ...] = (False,)
    only: tuple[Any, ...] = ()


_SHARED: Final = frozenset(
    {
        "metadata", "model", "moderation", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream", "stream_options",
        "stream_options.include_obfuscation", "stream_options.include_usage", "stream_options.continuous_usage_stats",
        "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
    }
)  # fmt: skip

OFFICIAL: Final[Mapping[str, frozenset[str]]] = {
    "chat_completions": _SHARED | {
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "max_tokens", "messages", "modalities", "n", "prediction", "presence_penalty", "reasoning_effort",
        "response_format", "seed", "stop", "verbosity", "web_search_options",
    },
    "completions": frozenset({
        "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model", "n",
        "presence_penalty", "prompt", "seed", "stop", "stream", "stream_options", "stream_options.include_obfuscation",
        "stream_options.include_usage", "stream_options.continuous_usage_stats", "suffix", "temperature", "top_p",
        "user",
    }),
    "embeddings": frozenset({"dimensions", "encoding_format", "input", "model", "user"}),
    "messages": frozenset({
        "billing_policy", "cache_control", "compaction", "container", "context_management", "diagnostics",
        "fallback_credit_token", "inference_geo", "max_tokens", "mcp_servers", "messages", "metadata", "model",
        "output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "temperature", "thinking",
        "thread", "tool_choice", "tools", "top_k", "top_p", "user_profile_id", "workspace_id",
    }),
    "moderations": frozenset({"input", "model"}),
    "responses": _SHARED | {
        "access_programs", "background", "background_options", "context_management", "conversation", "image",
        "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "personality",
        "previous_response_id", "prompt", "reasoning", "text", "truncation",
    },
}  # fmt: skip
"""By surface. Values of all of these are inspected, except where the surface knows that they are no text."""

_SAMPLING: Final = frozenset(
    {
        # choosing tokens
        "bad_words", "dry_allowed_length", "dry_base", "dry_multiplier", "dry_penalty_last_n", "dynatemp_exponent",
        "dynatemp_range", "early_stopping", "length_penalty", "min_p", "mirostat", "mirostat_eta", "mirostat_tau",
        "random_seed", "repeat_last_n", "repeat_penalty", "repetition_detection", "repetition_penalty", "samplers",
        "top_a", "top_k", "top_n_sigma", "typical_p", "use_beam_search", "watermarking", "xtc_probability",
        "xtc_threshold",
        # where the answer ends
        "ignore_eos", "include_stop_str_in_output", "min_tokens", "n_predict", "no_stop_trim", "stop_regex",
        "stop_token_ids", "t_max_predict_ms",
        # the form of the answer; the answer is inspected whatever its form
        "ebnf", "grammar", "guided_choice", "guided_grammar", "guided_json", "guided_regex", "json_schema", "regex",
        "response_format", "spaces_between_special_tokens", "structured_outputs",
        # reasoning
        "chat_template_kwargs.enable_thinking", "chat_template_kwargs.reasoning_effort",
        "chat_template_kwargs.thinking", "chat_template_kwargs.thinking_budget", "enable_thinking",
        "include_reasoning", "reasoning", "reasoning_budget_tokens", "reasoning_effort", "reasoning_format",
        "separate_reasoning", "stream_reasoning", "think", "thinking", "thinking_token_budget",
        # serving, accounting, caching
        "add_special_tokens", "cache_control", "cache_prompt", "cache_salt", "keep_alive", "logprob_token_ids",
        "min_keep", "n_probs", "request_id", "return_cached_tokens_details", "return_progress", "rid", "safe_prompt",
        "session_id", "stream_interval", "timings_per_token", "trace", "usage",
    }
)  # fmt: skip

DIALECTS: Final[Mapping[str, frozenset[str]]] = {
    "chat_completions": _SAMPLING | {"documents", "image_config"},
    "completions": _SAMPLING,
    "responses": _SAMPLING - {"request_id", "rid"},
    "embeddings": frozenset({
        "add_special_tokens", "embed_dtype", "embedding_type", "encoding_type", "endianness", "input_type",
        "late_chunking", "messages", "normalize", "normalized", "output_dimension", "output_dtype", "prompt_name",
        "request_id", "task", "truncate", "truncate_prompt_tokens", "truncation", "truncation_side",
    }),
    "messages": _SAMPLING,
    "moderations": frozenset(),
}  # fmt: skip
"""Members of vLLM, SGLang, llama.cpp, Ollama, OpenRouter, Mistral, Jina, Voyage that take nothing from the guard."""

_OTHER_PROMPT: Final = "it puts text into the prompt that was not read by role"
_OTHER_TEMPLATE: Final = "it changes the template, so the model would read another conversation than was inspected"
_COPY: Final = "it returns text in a form that is not inspected"
_PROMPT_BACK: Final = "it returns the prompt, the operator's part of it as well"
_UNREADABLE: Final = "it holds text as numbers, which cannot be inspected"
_ROUTES: Final = "it lets the caller choose who gets to read the request"
_CUTS: Final = "it cuts the prompt after it was inspected, the operator's part first"
_EXTENSION: Final = "it hands values to extensions of the server, whose meaning is not known here"

_EVERYWHERE: Final[Mapping[str, Denied]] = {
    # another prompt than the one inspected
    "chat_template": Denied(_OTHER_TEMPLATE, ("",)),
    "chat_template_kwargs.*": Denied(_OTHER_TEMPLATE),
    "chat_format": Denied(_OTHER_TEMPLATE),
    "chat_parser": Denied("it changes how the answer is told apart into text, reasoning and tool calls"),
    "generation_prompt": Denied(_OTHER_PROMPT, ("",)),
    "template": Denied(_OTHER_TEMPLATE, ("",)),
    "raw": Denied(_OTHER_TEMPLATE),
    "system": Denied(_OTHER_PROMPT, ("",)),
    "system_prompt": Denied(_OTHER_PROMPT, ("",)),
    "preset": Denied("it adds a stored prompt that the guard never sees"),
    "transforms": Denied("it cuts the middle out of the prompt after it was inspected"),
    "plugins": Denied("it adds text from the web or from files to the prompt that the guard never sees"),
    "data_sources": Denied("it adds retrieved text to the prompt that the guard never sees"),
    "search_parameters": Denied("it adds text from the web to the prompt that the guard never sees"),
    "mm_processor_kwargs": Denied("it changes how images and audio are read"),
    "media_io_kwargs": Denied("it changes how images and audio are read"),
    # text as numbers, and state made elsewhere
    "input_ids": Denied(_UNREADABLE),
    "input_embeds": Denied(_UNREADABLE),
    "prompt_embeds": Denied(_UNREADABLE),
    "prompt_token_ids": Denied(_UNREADABLE),
    "session_params": Denied("it continues a state of the server that the guard never sees"),
    "kv_transfer_params": Denied("it takes the model's state from another server"),
    "ec_transfer_params": Denied("it takes the model's state from another server"),
    "bootstrap_host": Denied("it takes the model's state from another server"),
    "bootstrap_port": Denied("it takes the model's state from another server"),
    "bootstrap_room": Denied("it takes the model's state from another server"),
    # the answer in a form that is not inspected, or the prompt in it
    "prompt_logprobs": Denied(_PROMPT_BACK),
    "return_prompt_text": Denied(_PROMPT_BACK),
    "return_prompt_token_ids": Denied(_PROMPT_BACK),
    "_debug_render_only": Denied(_PROMPT_BACK),
    "debug": Denied(_PROMPT_BACK),
    "verbose": Denied(_PROMPT_BACK),
    "return_token_ids": Denied(_COPY),
    "return_tokens": Denied(_COPY),
    "return_tokens_as_token_ids": Denied(_COPY),
    "return_hidden_states": Denied(_COPY),
    "return_routed_experts": Denied(_COPY),
    "response_fields": Denied("it gives the answer another form than the one that is inspected"),
    "skip_special_tokens": Denied("control tokens between the letters of a text would hide it", (True,)),
    # the caller steers the server
    "allowed_token_ids": Denied("it makes the model say tokens that the caller numbers, and no others"),
    "structural_tag": Denied("it makes the model write markup that servers take for tool calls"),
    "structured_outputs.structural_tag": Denied("it makes the model write markup that servers take for tool calls"),
    "response_format.type": Denied(
        "it makes the model write markup that servers take for tool calls", only=("structural_tag",)
    ),
    "custom_logit_processor": Denied("it runs the caller's code on the server"),
    "custom_params": Denied(_EXTENSION),
    "vllm_xargs": Denied(_EXTENSION),
    "lora": Denied("it changes the model"),
    "lora_path": Denied("it changes the model"),
    "priority": Denied("it lets one key's requests go before everybody else's", (0,)),
    # the caller steers a gateway behind this one
    "models": Denied(_ROUTES),
    "route": Denied(_ROUTES, ("",)),
    "provider": Denied(_ROUTES),
    "fallbacks": Denied(_ROUTES),
    "custom_llm_provider": Denied(_ROUTES),
    "api_base": Denied(_ROUTES),
    "base_url": Denied(_ROUTES),
    "api_key": Denied("it makes the upstream use the caller's own credentials"),
    "extra_headers": Denied("it makes the upstream send what the caller writes"),
    "extra_body": Denied("it adds parameters behind the guard's back"),
    "user_config": Denied(_ROUTES),
    "model_list": Denied(_ROUTES),
    "guardrails": Denied("it changes what a guard behind this one looks at"),
    "mock_response": Denied("the answer would be the caller's, not the model's"),
}  # fmt: skip

_CONVERSATION: Final[Mapping[str, Denied]] = {
    "add_generation_prompt": Denied("the model would go on with the caller's last message as its own", (True,)),
    "continue_final_message": Denied("the model would go on with the caller's last message as its own"),
    "echo": Denied("the prompt would come back as if the model had written it"),
    "truncate_prompt_tokens": Denied(_CUTS),
    "truncation_side": Denied(_CUTS),
}

IN_MESSAGES: Final[Mapping[str, Denied]] = {
    "prefix": Denied("the model would go on with this message as its own"),
    "partial": Denied("the model would go on with this message as its own"),
}
"""Members of a chat's messages. A policy allows them as `messages.prefix`."""

DENIED: Final[Mapping[str, Mapping[str, Denied]]] = {
    "chat_completions": {
        **_EVERYWHERE,
        **_CONVERSATION,
        "prompt": Denied("a prompt beside the messages is not read by role"),
        "input": Denied("an input beside the messages is not read by role"),
    },
    "completions": {
        **_EVERYWHERE,
        **_CONVERSATION,
        "messages": Denied("messages are read by role, which this API has not; send them to /v1/chat/completions"),
    },
    "responses": {
        **_EVERYWHERE,
        **_CONVERSATION,
        "messages": Denied("messages beside the input are not read by role"),
        "request_id": Denied("it lets the caller choose the id under which the response is stored"),
        "rid": Denied("it lets the caller choose the id under which the response is stored"),
    },
    "messages": {
        **{name: denied for name, denied in _EVERYWHERE.items() if name != "system"},
        **_CONVERSATION,
        "prompt": Denied("a prompt beside the messages is not read by role"),
        "input": Denied("an input beside the messages is not read by role"),
    },
    "embeddings": _EVERYWHERE,
    "moderations": _EVERYWHERE,
}
"""By surface."""
