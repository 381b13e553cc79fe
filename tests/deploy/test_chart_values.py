"""Values that are wrong, missing or contradict each other are refused, with what to do."""

from __future__ import annotations

import json
import re
from typing import Any

import helm_python
import pytest
import yaml

from tests.deploy.chart import CHART, MINIMAL, Values, render


def test_every_value_is_described_by_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    def undescribed(value: Any, described: Any, path: str) -> list[str]:
        if not isinstance(value, dict) or "properties" not in described:
            return []
        unknown = [f"{path}{name}" for name in value.keys() ^ described["properties"].keys()]
        inner = value.keys() & described["properties"].keys()
        return unknown + [
            found
            for name in inner
            for found in undescribed(value[name], described["properties"][name], f"{path}{name}.")
        ]

    # `global` is Helm's own; of the settings the schema names those that the chart needs to know.
    assert sorted(undescribed(values, schema, "")) == [
        "config.admin",
        "config.drain_timeout",
        "config.listen",
        "global",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"replica": 3},
        {"replicas": 0},
        {"replicas": "2"},
        {"redis": {"mode": "shared"}},
        {"redis": {"mode": "external", "url": "redis://user:password@host:6379"}},
        {"redis": {"mode": "external", "url": "http://host:6379"}},
        {"redis": {"bundled": {"maxmemory": "1gb"}}},
        {"upstream": {"apiKey": "sk-1"}},
        {"keys": {"existingSecret": "Upper Case"}},
        {"keys": {"store": "database"}},
        {"image": {"digest": "0123"}},
        {"config": {"drain_timeout": -1}},
        {"config": {"listen": {"port": 0}}},
        {"config": []},
        {"policies": {"files": {"../policy.yaml": ""}}},
        {"policies": {"files": {"a/b/c.yaml": ""}}},
        {"policies": {"files": {"a__b.yaml": ""}}},
        {"policies": {"files": {"policy.yaml": {}}}},
        {"ingress": {"enabled": True}},
        {"preStopSeconds": 1.5},
        {"metrics": {"podMonitor": {"interval": "often"}}},
        {"service": {"type": "ExternalName"}},
        {"extraEnv": [{"value": "x"}]},
    ],
)
def test_the_schema_refuses_mistakes(wrong: Values) -> None:
    with pytest.raises(helm_python.HelmError):
        render({**MINIMAL, **wrong})


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, ["keys", "upstream", "redis"]),
        ({"redis": {"mode": "external"}}, ["keys", "upstream", "redis"]),
        ({"redis": {"mode": "external", "url": "redis://host:6379"}}, ["keys", "upstream"]),
        ({"redis": {"mode": "none"}, "keys": {"existingSecret": "k"}}, ["upstream"]),
        ({"upstream": {"existingSecret": "u"}, "keys": {"existingSecret": "k"}}, ["redis"]),
        ({"redis": {"mode": "none"}, "upstream": {"existingSecret": "u"}}, ["keys"]),
    ],
)
def test_all_secrets_that_have_to_be_named_are_told_at_once(values: Values, missing: list[str]) -> None:
    with pytest.raises(helm_python.HelmError) as caught:
        render(values)
    assert re.findall(r"^- (\w+)\.existingSecret: ", str(caught.value), re.MULTILINE) == missing


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"upstream": {"needsKey": False}}, "config.upstream.base_url must name the endpoint"),
        ({"policies": {"files": {"other.yaml": ""}}}, "policies.main is policy.yaml, which is not among"),
        ({"keys": {"store": "redis"}, "redis": {"mode": "none"}}, "there is no store to keep keys in"),
    ],
)
def test_values_that_contradict_each_other_are_refused(values: Values, told: str) -> None:
    with pytest.raises(helm_python.HelmError, match=re.escape(told)):
        render({**MINIMAL, **values})
