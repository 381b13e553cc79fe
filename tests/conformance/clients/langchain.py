"""LangChain's `ChatOpenAI`, over either API."""

from __future__ import annotations

from typing import Any

from langchain_openai import ChatOpenAI

from tests.conformance.clients.orders import Witness, serve


def take(order: dict[str, Any], saw: Witness) -> None:
    model = ChatOpenAI(
        model="m", base_url=order["base_url"], api_key=order["key"], max_retries=order["retries"], timeout=60,
        use_responses_api=order["surface"] == "responses",
    )  # fmt: skip
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
    status = about.get("finish_reason") or about.get("status") or ""
    saw.finish = f"{status}: {why}" if why else status
    blocks = answer.content if isinstance(answer.content, list) else []
    refusals = [block["refusal"] for block in blocks if isinstance(block, dict) and "refusal" in block]
    saw.refusal = "".join([answer.additional_kwargs.get("refusal") or "", *refusals])
    saw.calls = [f"{call['name']}({call['args']})" for call in [*answer.tool_calls, *answer.invalid_tool_calls]]


if __name__ == "__main__":
    serve(take)
