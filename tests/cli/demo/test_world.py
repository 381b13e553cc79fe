"""The world of the demo: a real proxy in front of the stand-in, nothing from outside, nothing left behind."""

from __future__ import annotations

import json

import pytest
from openai import AuthenticationError, RateLimitError

from guardproxy.cli.demo.script import PLAIN
from guardproxy.cli.demo.world import QUOTA_REQUESTS, CapturedLog
from tests.cli.demo.plays import fast_world


async def test_the_client_talks_through_the_proxy_to_the_model() -> None:
    async with fast_world() as world:
        answer = await world.client(world.app).chat.completions.create(
            model="stand-in", messages=[{"role": "user", "content": "Hello!"}]
        )
        assert answer.choices[0].message.content == PLAIN
        assert world.model.answered == 1


async def test_only_a_guardproxy_key_opens_the_proxy() -> None:
    async with fast_world() as world:
        with pytest.raises(AuthenticationError):
            await world.client(world.model.key).models.list()
        assert world.model.answered == 0


async def test_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GUARDPROXY_KEY", "GUARDPROXY_KEYS", "GUARDPROXY_PEPPER"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/nothing-here-at-all")
    for name in ("GUARDPROXY_POLICY", "GUARDPROXY_INCIDENTS", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with fast_world() as world:
        assert (await world.client(world.visitor).models.list()).data
        assert world.policy.name == "default"


async def test_the_folder_is_gone_afterwards() -> None:
    async with fast_world() as world:
        assert world.folder.is_dir()
    assert not world.folder.exists()


async def test_one_client_serves_all_calls_with_one_key() -> None:
    async with fast_world() as world:
        assert world.client(world.app) is world.client(world.app)
        assert world.client(world.app) is not world.client(world.visitor)


async def test_the_quota_proxy_lets_so_many_through_and_no_more() -> None:
    async with fast_world() as world, world.quota_proxy() as base_url:
        client = world.client(world.batch, base_url)
        for _ in range(QUOTA_REQUESTS):
            await client.models.list()
        with pytest.raises(RateLimitError):
            await client.models.list()
        await world.client(world.batch).models.list()


async def test_a_secret_is_found_by_any_part_of_it_and_an_id_is_no_secret() -> None:
    async with fast_world() as world:
        for secret in (world.model.credential, world.model.key, world.app, world.visitor, world.batch):
            assert world.secret_in(f"text {secret[-20:-5]} text")
        assert not world.secret_in(world.app.rpartition("_")[0] + "_ sk-proj- upstream-")


async def test_settled_means_that_every_exchange_is_in_the_log() -> None:
    async with fast_world() as world:
        await world.client(world.app).models.list()
        await world.settled()
        assert world.log.events()[-1]["event"] == "exchange_completed"


def test_a_followed_log_is_not_kept() -> None:
    log = CapturedLog()
    followed: list[object] = []
    log.write('{"event": "one"}\n')
    log.on_line = followed.append
    log.write(json.dumps({"event": "two"}) + "\n" + json.dumps({"event": "three"}) + "\n")
    assert log.events() == [{"event": "one"}]
    assert followed == [{"event": "two"}, {"event": "three"}]
