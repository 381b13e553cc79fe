"""The official Python client: `raw` reads the events, `helper` uses `stream()` and `parse()` where there are such."""

from __future__ import annotations

from typing import Any

from openai import OpenAI

from tests.conformance.clients.orders import Witness, serve


def take(order: dict[str, Any], saw: Witness) -> None:
    with OpenAI(base_url=order["base_url"], api_key=order["key"], max_retries=order["retries"], timeout=60) as client:
        kind = "streamed" if order["stream"] else "whole"
        WAYS[order["surface"], kind, order["way"]](client, order["says"], saw)


def chat_whole_raw(client: OpenAI, says: str, saw: Witness) -> None:
    _chat(client.chat.completions.create(model="m", messages=[{"role": "user", "content": says}]), saw)


def chat_whole_helper(client: OpenAI, says: str, saw: Witness) -> None:
    _chat(client.chat.completions.parse(model="m", messages=[{"role": "user", "content": says}]), saw)


def _chat(completion: Any, saw: Witness) -> None:
    choice = completion.choices[0]
    saw.reads(choice.message.content)
    saw.refusal = choice.message.refusal or ""
    saw.finish = choice.finish_reason
    saw.calls = [f"{call.function.name}({call.function.arguments})" for call in choice.message.tool_calls or ()]


def chat_streamed_raw(client: OpenAI, says: str, saw: Witness) -> None:
    for part in client.chat.completions.create(model="m", messages=[{"role": "user", "content": says}], stream=True):
        for choice in part.choices:
            saw.reads(choice.delta.content)
            saw.refusal += choice.delta.refusal or ""
            saw.finish = choice.finish_reason or saw.finish
            for call in choice.delta.tool_calls or ():
                assert call.function is not None
                saw.calls.append(f"{call.function.name}({call.function.arguments})")


def chat_streamed_helper(client: OpenAI, says: str, saw: Witness) -> None:
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": says}]) as stream:
        for event in stream:
            if event.type == "content.delta":
                saw.reads(event.delta)
            elif event.type == "refusal.delta":
                saw.refusal += event.delta
            elif event.type == "tool_calls.function.arguments.done":
                saw.calls.append(f"{event.name}({event.arguments})")
        saw.finish = stream.get_final_completion().choices[0].finish_reason


def responses_whole_raw(client: OpenAI, says: str, saw: Witness) -> None:
    _response(client.responses.create(model="m", input=says), saw)


def responses_whole_helper(client: OpenAI, says: str, saw: Witness) -> None:
    _response(client.responses.parse(model="m", input=says), saw)


def _response(response: Any, saw: Witness) -> None:
    saw.reads(response.output_text)
    _ended(response, saw)


def _ended(response: Any, saw: Witness) -> None:
    why = response.incomplete_details.reason if response.incomplete_details else None
    saw.finish = f"{response.status}: {why}" if why else response.status
    saw.calls = [f"{item.name}({item.arguments})" for item in response.output if item.type == "function_call"]


def _read(event: Any, saw: Witness) -> None:
    if event.type == "response.output_text.delta":
        saw.reads(event.delta)
    elif event.type == "response.refusal.delta":
        saw.refusal += event.delta
    elif event.type in ("response.completed", "response.incomplete", "response.failed"):
        _ended(event.response, saw)


def responses_streamed_raw(client: OpenAI, says: str, saw: Witness) -> None:
    for event in client.responses.create(model="m", input=says, stream=True):
        _read(event, saw)


def responses_streamed_helper(client: OpenAI, says: str, saw: Witness) -> None:
    with client.responses.stream(model="m", input=says) as stream:
        for event in stream:
            _read(event, saw)
        _ended(stream.get_final_response(), saw)


def completions_whole_raw(client: OpenAI, says: str, saw: Witness) -> None:
    (choice,) = client.completions.create(model="m", prompt=says).choices
    saw.reads(choice.text)
    saw.finish = choice.finish_reason


def completions_streamed_raw(client: OpenAI, says: str, saw: Witness) -> None:
    for part in client.completions.create(model="m", prompt=says, stream=True):
        for choice in part.choices:
            saw.reads(choice.text)
            saw.finish = choice.finish_reason or saw.finish


def embeddings_whole_raw(client: OpenAI, says: str, saw: Witness) -> None:
    answer = client.embeddings.create(model="m", input=says)
    saw.reads(" ".join(str(number) for each in answer.data for number in each.embedding))
    saw.finish = answer.model


def moderations_whole_raw(client: OpenAI, says: str, saw: Witness) -> None:
    answer = client.moderations.create(model="m", input=says)
    saw.reads("flagged" if answer.results[0].flagged else "fine")
    saw.finish = answer.model


def models_whole_raw(client: OpenAI, says: str, saw: Witness) -> None:
    found = [client.models.retrieve(says)] if says else client.models.list().data
    saw.reads(" ".join(model.id for model in found))


WAYS = {
    ("chat", "whole", "raw"): chat_whole_raw,
    ("chat", "whole", "helper"): chat_whole_helper,
    ("chat", "streamed", "raw"): chat_streamed_raw,
    ("chat", "streamed", "helper"): chat_streamed_helper,
    ("responses", "whole", "raw"): responses_whole_raw,
    ("responses", "whole", "helper"): responses_whole_helper,
    ("responses", "streamed", "raw"): responses_streamed_raw,
    ("responses", "streamed", "helper"): responses_streamed_helper,
    ("completions", "whole", "raw"): completions_whole_raw,
    ("completions", "streamed", "raw"): completions_streamed_raw,
    ("embeddings", "whole", "raw"): embeddings_whole_raw,
    ("moderations", "whole", "raw"): moderations_whole_raw,
    ("models", "whole", "raw"): models_whole_raw,
}

if __name__ == "__main__":
    serve(take)
