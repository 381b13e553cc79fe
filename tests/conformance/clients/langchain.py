"""LangChain's models: `ChatOpenAI` over either API, `OpenAI` for completions, `OpenAIEmbeddings`, `ChatAnthropic`."""

from __future__ import annotations

import warnings
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings

from tests.conformance.clients.orders import Witness, serve


def take(order: dict[str, Any], saw: Witness) -> None:
    match order["surface"]:
        case "completions":
            _complete(order, saw)
        case "embeddings":
            model = OpenAIEmbeddings(model="m", check_embedding_ctx_length=False, **_options(order))
            saw.reads(" ".join(str(number) for each in model.embed_documents([order["says"]]) for number in each))
        case "messages":
            base_url = order["base_url"].removesuffix("/v1")
            _chat(ChatAnthropic(model="m", max_tokens=64, **{**_options(order), "base_url": base_url}), order, saw)
        case surface:
            _chat(ChatOpenAI(model="m", use_responses_api=surface == "responses", **_options(order)), order, saw)


def _options(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "base_url": order["base_url"], "api_key": order["key"], "max_retries": order["retries"], "timeout": 60,
    }  # fmt: skip


def _complete(order: dict[str, Any], saw: Witness) -> None:
    model = OpenAI(model="m", **_options(order))
    if not order["stream"]:
        ((generation,),) = model.generate([order["says"]]).generations
        saw.reads(generation.text)
        saw.finish = generation.generation_info["finish_reason"]
        return
    for part in model.stream(order["says"]):
        saw.reads(part)


def _chat(model: Any, order: dict[str, Any], saw: Witness) -> None:
    if not order["stream"]:
        answer = model.invoke(order["says"])
        saw.reads(answer.text)
    else:
        answer = None
        for part in model.stream(order["says"]):
            saw.reads(part.text)
            answer = part if answer is None else answer + part
    _ended(answer, saw)


def _ended(answer: Any, saw: Witness) -> None:
    """LangChain keeps a refusal beside the text of a chat, and as a block of a response."""
    about = answer.response_metadata
    why = (about.get("incomplete_details") or {}).get("reason")
    status = about.get("finish_reason") or about.get("status") or about.get("stop_reason") or ""
    saw.finish = f"{status}: {why}" if why else status
    blocks = answer.content if isinstance(answer.content, list) else []
    refusals = [block["refusal"] for block in blocks if isinstance(block, dict) and "refusal" in block]
    saw.refusal = "".join([answer.additional_kwargs.get("refusal") or "", *refusals])
    saw.calls = [f"{call['name']}({call['args']})" for call in [*answer.tool_calls, *answer.invalid_tool_calls]]


if __name__ == "__main__":
    # It warns of calls of tools that it was not told of; here the model calls some all the same.
    warnings.filterwarnings("ignore", "Received unexpected tool content block")
    serve(take)
