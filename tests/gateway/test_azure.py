from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openai import AsyncAzureOpenAI

from guardproxy.errors import MethodNotAllowed, RouteNotFound
from guardproxy.gateway.azure import azure_path
from guardproxy.gateway.routes import Passage, Route, find_route
from tests.support.answers import response, vectors
from tests.support.proxy import SESSION_KEY, running_proxy
from tests.support.upstream import Script, answers, completion, running_upstream, streams, whole

VERSION = "2025-04-01-preview"


@pytest.mark.parametrize(
    ("asked", "path", "deployment"),
    [
        ("/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21", "/chat/completions", "my-gpt"),
        ("/openai/responses?api-version=preview", "/responses", ""),
        ("/openai/v1/responses/resp_1?stream=true&api-version=preview", "/responses/resp_1?stream=true", ""),
        ("/openai/models?api-version=2024-10-21&x=1", "/models?x=1", ""),
        ("/openai/v1/chat/completions", "/chat/completions", ""),
    ],
)
def test_a_path_of_azures_client_is_one_of_ours(asked: str, path: str, deployment: str) -> None:
    assert azure_path(asked) == (path, deployment)


@pytest.mark.parametrize("asked", ["/v1/chat/completions", "/openai", "/openai/", "/openaix/v1/models"])
def test_other_paths_are_not(asked: str) -> None:
    assert azure_path(asked) is None


def test_behind_such_a_path_only_what_is_listed_is_served() -> None:
    route = find_route("POST", "/openai/deployments/my-gpt/embeddings?api-version=2024-10-21", {})
    assert isinstance(route, Route)
    assert (route.surface.name, route.path, route.template, route.deployment) == (
        "embeddings", "/embeddings", "/v1/embeddings", "my-gpt",
    )  # fmt: skip
    passage = find_route("POST", "/openai/deployments/x/images/generations?api-version=2024-10-21", {})
    assert isinstance(passage, Passage)
    assert (passage.name, passage.path) == ("images", "/images/generations")
    for path in ("/openai/deployments/a%2f/chat/completions", "/openai/deployments//chat/completions", "/openai//v1"):
        with pytest.raises(RouteNotFound):
            find_route("POST", path, {})
    with pytest.raises(MethodNotAllowed):
        find_route("GET", "/openai/deployments/x/chat/completions", {})


async def asked(tmp_path: Path, script: Script, ask: Any, **client: Any) -> tuple[Any, Any]:
    """What the official client for Azure gets, and what the upstream was asked."""
    async with running_upstream(script) as upstream, running_proxy(upstream.base_url, tmp_path) as proxy:
        endpoint = proxy.base_url.removesuffix("/v1")
        async with AsyncAzureOpenAI(
            azure_endpoint=endpoint, api_key=SESSION_KEY, api_version=VERSION, max_retries=0, **client
        ) as azure:
            return await ask(azure), upstream.last


async def test_the_official_client_for_azure_chats(tmp_path: Path) -> None:
    async def ask(azure: AsyncAzureOpenAI) -> Any:
        return await azure.chat.completions.create(model="my-gpt", messages=[{"role": "user", "content": "Hi."}])

    answer, sent = await asked(tmp_path, answers(whole(completion())), ask)
    assert answer.choices[0].message.content == "Hello there."
    assert (sent.path, sent.json["model"]) == ("/v1/chat/completions", "my-gpt")


async def test_it_streams_from_a_deployment_of_its_own(tmp_path: Path) -> None:
    async def ask(azure: AsyncAzureOpenAI) -> str:
        stream = await azure.chat.completions.create(
            model="other", messages=[{"role": "user", "content": "Hi."}], stream=True
        )
        return "".join([one.choices[0].delta.content or "" async for one in stream if one.choices])

    text, sent = await asked(tmp_path, streams("Hel", "lo."), ask, azure_deployment="my-gpt")
    assert (text, sent.path) == ("Hello.", "/v1/chat/completions")


async def test_a_deployment_is_the_model_of_a_body_that_names_none(tmp_path: Path) -> None:
    async def ask(azure: AsyncAzureOpenAI) -> Any:
        body = {"messages": [{"role": "user", "content": "Hi."}]}
        return await azure.post("/chat/completions", body=body, cast_to=object)

    _, sent = await asked(tmp_path, answers(whole(completion())), ask, azure_deployment="my-gpt")
    assert sent.json["model"] == "my-gpt"


async def test_it_asks_for_responses_and_embeddings(tmp_path: Path) -> None:
    async def respond(azure: AsyncAzureOpenAI) -> Any:
        return await azure.responses.create(model="my-gpt", input="Hi.")

    async def embed(azure: AsyncAzureOpenAI) -> Any:
        return await azure.embeddings.create(model="my-gpt", input="Hi.", encoding_format="float")

    answer, sent = await asked(tmp_path, answers(whole(response())), respond)
    assert (answer.id, sent.path) == (response()["id"], "/v1/responses")
    vector, sent = await asked(tmp_path, answers(whole(vectors([0.5]))), embed)
    assert (vector.data[0].embedding, sent.path) == ([0.5], "/v1/embeddings")
