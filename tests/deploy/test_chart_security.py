"""What the pods of the chart may do, who may reach them, and that no secret stands in what is rendered."""

from __future__ import annotations

import re
from typing import Any

from tests.deploy.chart import Release, labels, rendered, selects


def containers(release: Release) -> list[dict[str, Any]]:
    return [container for pod in release.pods() for container in pod["spec"]["containers"]]


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


def test_a_closed_network_lets_callers_reach_the_data_plane_and_monitoring_the_metrics() -> None:
    release = rendered("production")
    spec = release.one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [
        {
            "ports": [{"port": "http", "protocol": "TCP"}],
            "from": [{"namespaceSelector": {"matchLabels": {"team": "applications"}}}],
        },
        {
            "ports": [{"port": "admin", "protocol": "TCP"}],
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        },
    ]
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == {53, 443, 6379}


def test_a_closed_network_leaves_the_way_to_the_bundled_redis_open() -> None:
    release = rendered("ephemeral")
    (rule,) = [rule for rule in release.one("NetworkPolicy")["spec"]["egress"] if "to" in rule]
    (redis,) = [pod for pod in release.pods() if selects(rule["to"][0]["podSelector"]["matchLabels"], pod)]
    assert labels(redis)["app.kubernetes.io/component"] == "redis"
