"""How many pods there are, when they get requests, how long they have to stop, and where they count."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.settings import load_settings
from tests.deploy.chart import MINIMAL, Release, environment, render, rendered, selects


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


def test_the_default_grace_period_covers_the_default_drain() -> None:
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


def test_each_replica_knows_how_many_share_the_limits_while_redis_is_away() -> None:
    container = rendered("minimal").container
    assert environment(container)["GUARDPROXY_REPLICAS"]["value"] == "2"


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
