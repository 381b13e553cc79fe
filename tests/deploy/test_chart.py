"""The chart, rendered by Helm over each values file of `helm/guardproxy/ci`: what would stand in a cluster."""

from __future__ import annotations

import json
import re
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.policyfile.compile import load_policy
from guardproxy.settings import load_settings
from tests.deploy.chart import (
    CASES,
    CHART,
    Release,
    Values,
    environment,
    labels,
    mount,
    render,
    rendered,
    selects,
    values_of,
    volume,
)

MINIMAL: Values = {"existingSecret": "s"}
OLDEST = "1.30"


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def release(case: str) -> Release:
    return rendered(case)


def containers(release: Release) -> list[dict[str, Any]]:
    return [container for pod in release.pods() for container in pod["spec"]["containers"]]


# Helm and Kubernetes accept it.


def test_there_are_cases() -> None:
    assert {"minimal", "production", "single"} <= set(CASES)


def test_helm_has_nothing_to_say_about_the_chart(case: str) -> None:
    report = helm_python.lint(CHART, values_of(case), strict=True)
    told = [f"{each['path']}: {each['error']}" for each in report["messages"] if each["severity"] > 1]
    assert (told, report["errors"], report["total_charts_linted"]) == ([], [], 1)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_kubernetes_knows_every_field(version: str, release: Release) -> None:
    assert release.objects
    for found in release.objects:
        kubernetes_validate.validate(found, version, strict=True)


def test_kubernetes_would_notice_a_field_it_does_not_know() -> None:
    deployment = rendered("minimal").one("Deployment")
    deployment = {**deployment, "spec": {**deployment["spec"], "replicaz": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, OLDEST, strict=True)


def test_the_chart_asks_for_the_oldest_kubernetes_it_is_checked_for() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["kubeVersion"] == f">={OLDEST}.0-0"


def test_two_objects_never_have_one_name(release: Release) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in release.objects]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["a", "x" * 53, "guardproxy", "my-guardproxy-1"])
def test_names_stay_valid_for_any_name_of_a_release(name: str) -> None:
    for found in render(MINIMAL, name).objects:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", found["metadata"]["name"])


# Security.


def test_no_pod_may_do_more_than_the_restricted_profile(release: Release) -> None:
    for pod in release.pods():
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (65532, 65532, 65532)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()
        assert not any("hostPath" in each for each in pod["spec"].get("volumes", ()))
    for container in containers(release):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", ()))


def test_no_pod_gets_a_token_of_the_cluster(release: Release) -> None:
    assert all(pod["spec"]["automountServiceAccountToken"] is False for pod in release.pods())
    assert all(account["automountServiceAccountToken"] is False for account in release.all("ServiceAccount"))


def test_memory_is_bounded_everywhere(release: Release) -> None:
    assert all("memory" in container["resources"]["limits"] for container in containers(release))


def test_no_secret_is_inlined(release: Release) -> None:
    assert release.all("Secret") == []
    for container in containers(release):
        for variable in container.get("env", ()):
            if re.search("PASSWORD|SECRET|TOKEN|PEPPER|_KEY$|_URL$|_AUTH$", variable["name"]) and "value" in variable:
                # Plain, it holds no credential: no user part, or one that is itself a reference.
                before_host = variable["value"].rpartition("@")[0].rpartition("//")[2]
                assert re.fullmatch(r"(:\$\([A-Z_]+\))?", before_host), variable
                assert variable["name"].endswith("_URL") or re.fullmatch(r"\$\([A-Z_]+\)", variable["value"])


def test_a_reference_in_an_environment_stands_after_what_it_refers_to(release: Release) -> None:
    """Otherwise Kubernetes leaves it as it is written."""
    for container in containers(release):
        known: set[str] = set()
        for variable in container.get("env", ()):
            assert set(re.findall(r"\$\(([A-Z_]+)\)", variable.get("value", ""))) <= known
            known.add(variable["name"])
        assert set(re.findall(r"\$\(([A-Z_]+)\)", " ".join(container.get("args", ())))) <= known


def test_secrets_are_mounted_for_the_group_of_the_pod_only(release: Release) -> None:
    secrets = [each["secret"] for each in release.pod["spec"]["volumes"] if "secret" in each]
    assert secrets
    assert all(secret["defaultMode"] == 0o440 for secret in secrets)


def test_the_service_leads_to_the_data_plane_of_the_proxies_and_nowhere_else(release: Release) -> None:
    spec = release.one("Service")["spec"]
    assert [port["targetPort"] for port in spec["ports"]] == ["http"]
    assert [labels(pod)["app.kubernetes.io/component"] for pod in release.pods() if selects(spec["selector"], pod)] == [
        "proxy"
    ]


def test_every_selector_finds_the_pods_of_its_own(release: Release) -> None:
    for kind in ("Deployment", "StatefulSet"):
        for found in release.all(kind):
            selector = found["spec"]["selector"]["matchLabels"]
            assert [pod for pod in release.pods() if selects(selector, pod)] == [found["spec"]["template"]]
    for found in release.all("PodDisruptionBudget") + release.all("NetworkPolicy"):
        selector = (found["spec"].get("selector") or found["spec"]["podSelector"])["matchLabels"]
        component = labels(found)["app.kubernetes.io/component"]
        chosen = [pod for pod in release.pods() if selects(selector, pod)]
        assert [labels(pod)["app.kubernetes.io/component"] for pod in chosen] == [component]


def test_only_the_proxies_reach_their_redis() -> None:
    policy = rendered("minimal").one("NetworkPolicy", "redis")["spec"]
    (rule,) = policy["ingress"]
    (peer,) = rule["from"]
    assert selects(peer["podSelector"]["matchLabels"], rendered("minimal").pod)
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])


def test_a_closed_network_lets_callers_reach_the_data_plane_only() -> None:
    release = rendered("production")
    spec = release.one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [
        {
            "ports": [{"port": "http", "protocol": "TCP"}],
            "from": [{"namespaceSelector": {"matchLabels": {"team": "applications"}}}],
        }
    ]
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == {53, 443, 6379}


def test_a_closed_network_leaves_the_way_to_the_bundled_redis_open() -> None:
    release = rendered("ephemeral")
    (rule,) = [rule for rule in release.one("NetworkPolicy")["spec"]["egress"] if "to" in rule]
    (redis,) = [pod for pod in release.pods() if selects(rule["to"][0]["podSelector"]["matchLabels"], pod)]
    assert labels(redis)["app.kubernetes.io/component"] == "redis"


# Configuration.


def test_the_settings_are_settings_of_guardproxy(release: Release, tmp_path: Any) -> None:
    file = tmp_path / "guardproxy.yaml"
    file.write_text(release.config_map["guardproxy.yaml"], encoding="utf-8")
    read = load_settings(file, {})
    ports = {port["name"]: port["containerPort"] for port in release.container["ports"]}
    assert ports == {"http": read.listen.port, "admin": read.admin.port}
    assert (read.listen.host, read.admin.host, read.log.format) == ("0.0.0.0", "0.0.0.0", "json")


def test_values_go_into_the_settings_unchanged() -> None:
    config = rendered("production").config
    assert config["upstream"] == {
        "api_key_file": "../upstream/api-key",
        "base_url": "https://openrouter.ai/api/v1",
        "max_response_bytes": 33_554_432,
    }
    assert config["drain_timeout"] == 900


def test_files_are_mounted_as_folders_and_read_only(release: Release) -> None:
    """A single file (`subPath`) would never follow its ConfigMap or Secret."""
    written = {"incidents", "tmp"}
    for each in release.container["volumeMounts"]:
        assert "subPath" not in each
        assert each.get("readOnly", False) is (each["name"] not in written)
        assert each["name"] in written or not re.search(r"\.\w+$", each["mountPath"])
    assert "configMap" in volume(release.pod, "config")
    assert environment(release.container)["GUARDPROXY_CONFIG"]["value"] == (
        mount(release.container, "config")["mountPath"] + "/guardproxy.yaml"
    )


def test_every_mount_has_its_volume_and_every_volume_its_mount(release: Release) -> None:
    for pod in release.pods():
        declared = {each["name"] for each in pod["spec"].get("volumes", ())}
        mounted = {each["name"] for one in pod["spec"]["containers"] for each in one.get("volumeMounts", ())}
        claimed = {"data"} if release.all("StatefulSet") and "data" in mounted - declared else set()
        assert mounted == declared | claimed


def test_a_pack_of_ones_own_keeps_its_folder() -> None:
    release = rendered("production")
    source = volume(release.pod, "policies")["configMap"]
    (found,) = [each for each in release.all("ConfigMap") if each["metadata"]["name"] == source["name"]]
    files = {item["path"]: found["data"][item["key"]] for item in source["items"]}
    assert files == values_of("production")["policies"]["files"]
    assert len(files) == len(found["data"])


@pytest.mark.parametrize(
    "content", ["  leading: spaces\n", "no newline at the end", "\ttab\n", "\n\nlines\n", "ä: {}\n", ""]
)
def test_a_file_arrives_as_it_was_written(content: str) -> None:
    release = render({**MINIMAL, "policies": {"files": {"policy.yaml": "version: 1\n", "pack/a.yaml": content}}})
    (found,) = [each for each in release.all("ConfigMap") if "policy.yaml" in each["data"]]
    assert found["data"]["pack__a.yaml"] == content


def test_policies_of_a_configmap_of_ones_own_are_mounted_whole() -> None:
    release = rendered("policies-configmap")
    assert volume(release.pod, "policies")["configMap"] == {"name": "company-policies"}
    assert release.config["policy"] == "../policies/company.yaml"


def test_without_policies_the_shipped_default_applies() -> None:
    release = rendered("minimal")
    assert "policy" not in release.config
    assert load_policy(None).name == "default"


def checksum(values: Values) -> str:
    return str(render(values).pod["metadata"]["annotations"]["checksum/config"])


def test_other_files_mean_other_pods_and_nothing_else_does() -> None:
    files = {"policy.yaml": "version: 1\nname: a\n"}
    base = {**MINIMAL, "policies": {"files": files}}
    assert checksum({**base, "replicas": 7, "podAnnotations": {"a": "b"}}) == checksum(base)
    assert checksum({**base, "config": {"body_timeout": 10}}) != checksum(base)
    assert checksum({**base, "policies": {"files": {"policy.yaml": "version: 1\nname: b\n"}}}) != checksum(base)


def test_incidents_go_to_the_one_place_that_can_be_written() -> None:
    release = rendered("minimal")
    assert environment(release.container)["GUARDPROXY_INCIDENTS"]["value"].startswith(
        mount(release.container, "incidents")["mountPath"] + "/"
    )
    assert volume(release.pod, "incidents")["emptyDir"] == {"sizeLimit": "1Gi"}


def test_pods_that_share_a_claim_write_into_folders_of_their_own() -> None:
    release = rendered("production")
    assert volume(release.pod, "incidents")["persistentVolumeClaim"] == {"claimName": "guardproxy-incidents"}
    assert mount(release.container, "incidents")["subPathExpr"] == "$(POD_NAME)"
    assert environment(release.container)["POD_NAME"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_without_incidents_no_file_is_named() -> None:
    release = rendered("single")
    assert release.config["log"] == {"format": "json", "incidents": None}
    assert "GUARDPROXY_INCIDENTS" not in environment(release.container)


# Redis.


def test_the_password_of_the_bundled_redis_comes_from_the_secret_on_both_sides() -> None:
    release = rendered("minimal")
    proxy = environment(release.container)
    (valkey,) = release.one("StatefulSet", "redis")["spec"]["template"]["spec"]["containers"]
    reference = {"secretKeyRef": {"name": "guardproxy", "key": "redis-password"}}
    assert proxy["REDIS_PASSWORD"]["valueFrom"] == environment(valkey)["REDIS_PASSWORD"]["valueFrom"] == reference
    service = release.one("Service", "redis")["metadata"]["name"]
    assert proxy["GUARDPROXY_REDIS_URL"]["value"] == f"redis://:$(REDIS_PASSWORD)@{service}:6379/0"
    assert valkey["args"][valkey["args"].index("--requirepass") + 1] == "$(REDIS_PASSWORD)"


def test_an_external_redis_is_named_by_a_secret_or_by_a_url_without_one() -> None:
    named, plain = rendered("production"), rendered("policies-configmap")
    assert environment(named.container)["GUARDPROXY_REDIS_URL"]["valueFrom"] == {
        "secretKeyRef": {"name": "guardproxy-redis", "key": "url"}
    }
    assert environment(plain.container)["GUARDPROXY_REDIS_URL"]["value"] == "redis://redis.data:6379/3"
    assert named.all("StatefulSet") == plain.all("StatefulSet") == []


def test_without_redis_the_notes_warn() -> None:
    release = rendered("single")
    assert not any("REDIS" in name for name in environment(release.container))
    assert release.all("StatefulSet") == []
    assert "limits multiply" in release.notes


def test_the_bundled_redis_keeps_its_counters_on_a_volume_unless_told_otherwise() -> None:
    kept, ephemeral = (rendered(case).one("StatefulSet", "redis")["spec"] for case in ("minimal", "ephemeral"))
    assert kept["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert "volumeClaimTemplates" not in ephemeral
    assert ephemeral["template"]["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]


# Replicas, and their end.


def test_two_replicas_that_share_a_redis_are_the_default() -> None:
    release = rendered("minimal")
    assert release.one("Deployment")["spec"]["replicas"] == 2
    assert len(release.all("StatefulSet")) == 1
    assert release.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_a_rollout_takes_no_replica_away_before_the_next_one_is_ready(release: Release) -> None:
    strategy = release.one("Deployment")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_replicas_are_left_to_the_autoscaler() -> None:
    release = rendered("production")
    assert "replicas" not in release.one("Deployment")["spec"]
    spec = release.one("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"]["name"] == release.one("Deployment")["metadata"]["name"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 12)
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert release.all("PodDisruptionBudget")


def test_a_single_replica_has_no_disruption_budget_that_would_block_a_node() -> None:
    assert rendered("single").all("PodDisruptionBudget") == []


def test_replicas_spread_over_nodes_and_zones() -> None:
    release = rendered("minimal")
    spread = release.pod["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(selects(each["labelSelector"]["matchLabels"], release.pod) for each in spread)
    assert "topologySpreadConstraints" not in rendered("single").pod["spec"]


def test_probes_ask_the_admin_listener(release: Release) -> None:
    container = release.container
    asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    live, ready = {"path": "/health/live", "port": "admin"}, {"path": "/health/ready", "port": "admin"}
    assert asked == {"startup": live, "liveness": live, "readiness": ready}
    assert (
        next(port["containerPort"] for port in container["ports"] if port["name"] == "admin")
        == (release.config["admin"]["port"])
    )


@settings(max_examples=25)
@given(drain=st.floats(0.01, 86_400) | st.integers(1, 86_400), before=st.integers(0, 300))
def test_a_pod_gets_more_time_to_stop_than_its_exchanges_may_take(drain: float, before: int) -> None:
    release = render({**MINIMAL, "config": {"drain_timeout": drain}, "preStopSeconds": before})
    grace = release.pod["spec"]["terminationGracePeriodSeconds"]
    assert 30 <= grace - before - drain < 31
    assert f"has {grace} seconds in all" in release.notes
    lifecycle = release.container.get("lifecycle")
    assert lifecycle == ({"preStop": {"sleep": {"seconds": before}}} if before else None)


def test_the_default_grace_period_covers_the_default_drain(tmp_path: Any) -> None:
    spec = rendered("minimal").pod["spec"]
    assert spec["terminationGracePeriodSeconds"] > load_settings(None, {}).drain_timeout + 10


def test_the_ingress_leads_to_the_service() -> None:
    release = rendered("production")
    (rule,) = release.one("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {
        "name": release.one("Service")["metadata"]["name"],
        "port": {"name": release.one("Service")["spec"]["ports"][0]["name"]},
    }
    assert "OPENAI_BASE_URL=https://guardproxy.example.com/v1" in release.notes


# What is refused.


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
    ],
)
def test_values_that_contradict_each_other_are_refused(values: Values, told: str) -> None:
    with pytest.raises(helm_python.HelmError, match=re.escape(told)):
        render({**MINIMAL, **values})
