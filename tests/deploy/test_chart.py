"""The chart, rendered by Helm over each values file of its `ci` folder: Helm and Kubernetes accept it."""

from __future__ import annotations

import re

import helm_python
import kubernetes_validate
import pytest
import yaml

from tests.deploy.chart import CASES, CHART, MINIMAL, Release, labels, render, rendered, selects, values_of

OLDEST = "1.30"


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
        if found["apiVersion"].startswith("monitoring.coreos.com/"):
            continue  # of the Prometheus operator, not of Kubernetes
        kubernetes_validate.validate(found, version, strict=True)


def test_kubernetes_would_notice_a_field_it_does_not_know() -> None:
    deployment = rendered("minimal").one("Deployment")
    deployment = {**deployment, "spec": {**deployment["spec"], "replicaz": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, OLDEST, strict=True)


def test_the_chart_asks_for_the_oldest_kubernetes_it_is_checked_for() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["kubeVersion"] == f">={OLDEST}.0-0"


def test_whoever_collects_metrics_finds_them_on_the_admin_port() -> None:
    release = rendered("production")
    annotations = release.pod["metadata"]["annotations"]
    port = next(each for each in release.container["ports"] if each["name"] == "admin")
    assert (annotations["prometheus.io/port"], annotations["prometheus.io/path"]) == (
        str(port["containerPort"]),
        "/metrics",
    )
    (monitor,) = release.all("PodMonitor")
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "admin", "path": "/metrics", "interval": "15s"}]
    assert selects(monitor["spec"]["selector"]["matchLabels"], release.pod)
    assert labels(monitor)["release"] == "prometheus"
    bare = rendered("minimal")
    assert bare.all("PodMonitor") == []
    assert not any(name.startswith("prometheus.io") for name in bare.pod["metadata"]["annotations"])


def test_two_objects_never_have_one_name(release: Release) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in release.objects]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["a", "x" * 53, "guardproxy", "my-guardproxy-1"])
def test_names_stay_valid_for_any_name_of_a_release(name: str) -> None:
    for found in render(MINIMAL, name).objects:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", found["metadata"]["name"])
