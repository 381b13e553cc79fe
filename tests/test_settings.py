"""Which source wins, and what is told about a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.catalogue import Wanted
from guardproxy.settings import (
    DEFAULT_BASE_URL,
    Overrides,
    Settings,
    is_loopback,
    load_settings,
    wanted_policies,
)

BASE_URL = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}


def written(folder: Path, text: str) -> Path:
    file = folder / "guardproxy.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def problem(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(written(folder, text), {})
    return caught.value.message


def test_without_anything_it_listens_on_this_machine_only() -> None:
    settings = load_settings(None, {})
    assert settings == Settings()
    assert is_loopback(settings.listen.host)
    assert is_loopback(settings.admin.host)
    assert settings.upstream.base_url == DEFAULT_BASE_URL
    assert settings.policy is None


def test_an_empty_environment_variable_says_nothing() -> None:
    names = ("OPENAI_BASE_URL", "GUARDPROXY_KEYS", "GUARDPROXY_POLICY", "GUARDPROXY_INCIDENTS")
    assert load_settings(None, dict.fromkeys(names, " ")) == Settings()


def test_the_environment_fills_in_what_the_file_does_not_say(tmp_path: Path) -> None:
    environ = {
        **BASE_URL, "GUARDPROXY_KEYS": "/k.yaml", "GUARDPROXY_POLICY": "/p.yaml", "GUARDPROXY_INCIDENTS": "/i.jsonl",
    }  # fmt: skip
    settings = load_settings(written(tmp_path, "listen: {port: 9}\n"), environ)
    assert settings.upstream.base_url == BASE_URL["OPENAI_BASE_URL"]
    assert (settings.keys.file, settings.policy, settings.log.incidents) == ("/k.yaml", "/p.yaml", "/i.jsonl")
    assert settings.listen.port == 9


def test_the_file_wins_over_the_environment(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "upstream: {base_url: 'http://10.0.0.1/v1'}\nkeys: {file: k.yaml}\npolicy: p.yaml\nlog: {incidents: i.jsonl}\n",
    )
    environ = {**BASE_URL, "GUARDPROXY_KEYS": "/x", "GUARDPROXY_POLICY": "/x", "GUARDPROXY_INCIDENTS": "/x"}
    settings = load_settings(file, environ)
    assert settings.upstream.base_url == "http://10.0.0.1/v1"
    assert settings.keys.file == str(tmp_path / "k.yaml")
    assert settings.policy == str(tmp_path / "p.yaml")
    assert settings.log.incidents == str(tmp_path / "i.jsonl")


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "listen: {host: 10.0.0.1, port: 1}\nadmin: {port: 2}\npolicy: p\nlog: {format: json}\n")
    overrides = Overrides("127.0.0.2", 3, 4, Path("mine.yaml"), "console")
    settings = load_settings(file, {}, overrides)
    assert (settings.listen.host, settings.listen.port, settings.admin.port) == ("127.0.0.2", 3, 4)
    assert (settings.policy, settings.log.format) == ("mine.yaml", "console")


def test_a_port_of_zero_on_the_command_line_is_a_port(tmp_path: Path) -> None:
    assert load_settings(None, {}, Overrides(skip_cases=True)).policies.cases_timeout is None
    assert load_settings(None, {}).policies.cases_timeout == 30
    settings = load_settings(written(tmp_path, "listen: {port: 1}\n"), {}, Overrides(port=0, admin_port=0))
    assert (settings.listen.port, settings.admin.port) == (0, 0)


def test_files_are_named_relative_to_the_settings_file(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "upstream: {api_key_file: key}\nkeys: {file: /etc/keys.yaml}\n"), {})
    assert settings.upstream.api_key_file == str(tmp_path / "key")
    assert settings.keys.file == "/etc/keys.yaml"
    # Not named by the file, so it is where the process runs.
    assert settings.log.incidents == "incidents.jsonl"


def test_no_incident_file_is_a_choice(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "log: {incidents: null}\n"), {"GUARDPROXY_INCIDENTS": "/x"})
    assert settings.log.incidents is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listen: {hots: x}", "guardproxy.yaml:1:10: unknown key 'hots', did you mean 'host'?"),
        ("listen:\n  port: 70000", "guardproxy.yaml:2:9: 'port' "),
        ("listen: {port: '80'}", "guardproxy.yaml:1:16: 'port' "),
        ("body_timeout: 0", "guardproxy.yaml:1:15: 'body_timeout' "),
        ("log: {format: xml}", "guardproxy.yaml:1:15: unknown format 'xml'; use auto, json or console"),
        ("upstream: {api_key: x}", "unknown key 'api_key', did you mean 'api_key_"),
        ("upstream: {base_url: ''}", "guardproxy.yaml:1:22: 'base_url' "),
        ("- a", "guardproxy.yaml:1:1: "),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    assert told in problem(tmp_path, text)


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml: cannot be read"):
        load_settings(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    "base_url",
    ["api.openai.com/v1", "ftp://host/v1", "http:///v1", "https://user:pass@host/v1", "https://host/v1?x=1", "https://host/v1#x",
     "http://host:port/v1", "http://[::1/v1"],
)  # fmt: skip
def test_an_origin_is_scheme_host_and_path_and_nothing_else(base_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {"OPENAI_BASE_URL": base_url})
    assert "upstream.base_url (or OPENAI_BASE_URL)" in caught.value.message
    assert "pass" not in caught.value.message


@given(st.text(max_size=30))
def test_any_text_as_an_origin_is_taken_or_refused_and_never_breaks(text: str) -> None:
    for base_url in (text, "http://" + text, "https://h" + text):
        try:
            load_settings(None, {"OPENAI_BASE_URL": base_url})
        except ConfigurationError as error:
            assert "base_url" in error.message


@pytest.mark.parametrize("said", ["auto", "bearer", "x-api-key", "both"])
def test_how_the_upstream_takes_its_key_can_be_said(said: str, tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, f"upstream: {{auth: {said}}}\n"), {}).upstream.auth == said
    assert load_settings(None, {}).upstream.auth == "auto"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.org", "myhost", ""])
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_a_store_of_quotas_is_named_by_the_file_or_the_environment(tmp_path: Path) -> None:
    environ = {"GUARDPROXY_REDIS_URL": "redis://:secret@env:6379/0"}
    assert load_settings(None, environ).quota.redis.url == environ["GUARDPROXY_REDIS_URL"]
    text = "quota: {redis: {url: 'redis://file', password_file: pw, ca_file: ca.pem}, lease: 30, replicas: 2}\n"
    redis = load_settings(written(tmp_path, text), environ).quota.redis
    assert redis.url == "redis://file"
    assert (redis.password_file, redis.ca_file) == (str(tmp_path / "pw"), str(tmp_path / "ca.pem"))


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(written(tmp_path, "quota: {redis: {url: 'redis://ada:hunter2@host'}}\n"), {})
    assert "password_env" in raised.value.message
    assert "hunter2" not in raised.value.message


def test_all_keys_of_the_store_need_one_hash_tag(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="prefix is written with one part in braces"):
        load_settings(written(tmp_path, "quota: {redis: {prefix: 'untagged:'}}\n"), {})


def test_the_number_of_replicas_comes_from_the_environment_unless_the_file_says_it(tmp_path: Path) -> None:
    environ = {"GUARDPROXY_REPLICAS": "3"}
    assert load_settings(None, environ).quota.replicas == 3
    assert load_settings(written(tmp_path, "quota: {replicas: 2}\n"), environ).quota.replicas == 2
    for wrong in ("0", "-1", "many"):
        with pytest.raises(ConfigurationError, match="GUARDPROXY_REPLICAS"):
            load_settings(None, {"GUARDPROXY_REPLICAS": wrong})


def test_one_policy_or_several_but_not_both(tmp_path: Path) -> None:
    file = tmp_path / "guardproxy.yaml"
    file.write_text("policy: a.yaml\npolicies: {files: [b.yaml]}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_settings(file, {})
    assert raised.value.message == (
        f"{file}:2:12: 'policy' is one policy for everybody and 'policies.files' is about several: write one of the two"
    )


def test_a_policy_of_the_command_line_is_the_policy_of_everybody(tmp_path: Path) -> None:
    file = written(tmp_path, "policies: {files: [b.yaml], default: b, keys: {x: c}, poll: 9, candidate: d.yaml}\n")
    told: list[str] = []
    settings = load_settings(file, {"GUARDPROXY_POLICY": "e.yaml"}, Overrides(policy=Path("a.yaml")), told.append)
    assert wanted_policies(settings) == Wanted((Path("a.yaml"),))
    assert (settings.policies.poll, settings.policies.candidate) == (9, str(tmp_path / "d.yaml"))
    assert told == [
        "--policy a.yaml is the policy of everybody: not used is policies.files and policies.default and policies.keys "
        "of the settings file, nor GUARDPROXY_POLICY"
    ]


def test_the_files_of_several_policies_stand_next_to_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "guardproxy.yaml"
    file.write_text("policies: {files: [b.yaml, more], default: b, teams: {x: c}}\n", encoding="utf-8")
    wanted = wanted_policies(load_settings(file, {}))
    assert wanted == Wanted((tmp_path / "b.yaml", tmp_path / "more"), "b", {}, {"x": "c"})
    assert wanted_policies(load_settings(None, {"GUARDPROXY_POLICY": "p.yaml"})) == Wanted((Path("p.yaml"),))
