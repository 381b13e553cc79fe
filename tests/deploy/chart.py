"""Renders the chart with Helm's own engine, and finds things in what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "guardproxy"
CASES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))

Object = dict[str, Any]
Values = dict[str, Any]

MINIMAL: Values = {"existingSecret": "s"}


@dataclass(frozen=True)
class Release:
    """The objects of one release, and the notes Helm shows after installing it."""

    objects: Sequence[Object]
    notes: str

    def all(self, kind: str) -> list[Object]:
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str, component: str = "proxy") -> Object:
        (found,) = [found for found in self.all(kind) if labels(found)["app.kubernetes.io/component"] == component]
        return found

    @property
    def pod(self) -> Object:
        """The proxy's pod."""
        pod: Object = self.one("Deployment")["spec"]["template"]
        return pod

    @property
    def container(self) -> Object:
        container: Object
        (container,) = self.pod["spec"]["containers"]
        return container

    @property
    def config_map(self) -> dict[str, str]:
        """The ConfigMap with the settings."""
        name = volume(self.pod, "config")["configMap"]["name"]
        (found,) = [each for each in self.all("ConfigMap") if each["metadata"]["name"] == name]
        data: dict[str, str] = found["data"]
        return data

    @property
    def config(self) -> dict[str, Any]:
        """guardproxy.yaml."""
        config: dict[str, Any] = yaml.safe_load(self.config_map["guardproxy.yaml"])
        return config

    def pods(self) -> Iterator[Object]:
        """Every pod, also that of Redis and of `helm test`."""
        for found in self.objects:
            if found["kind"] == "Pod":
                yield found
            elif "template" in found.get("spec", {}):
                yield found["spec"]["template"]


def values_of(case: str) -> Values:
    values: Values = yaml.safe_load((CHART / "ci" / f"{case}-values.yaml").read_text(encoding="utf-8"))
    return values


def render(values: Values, name: str = "release") -> Release:
    """Raises `helm_python.HelmError` where the schema or a template refuses the values."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name=name, namespace="space")
    objects = [found for path, text in files.items() if path.endswith(".yaml") for found in yaml.safe_load_all(text)]
    (notes,) = [text for path, text in files.items() if path.endswith("NOTES.txt")]
    return Release([found for found in objects if found], notes)


@cache
def rendered(case: str) -> Release:
    """The release of a values file of `ci`; its objects are everyone's, so nobody changes them."""
    return render(values_of(case))


def labels(found: Object) -> dict[str, str]:
    found_labels: dict[str, str] = found["metadata"]["labels"]
    return found_labels


def selects(selector: Mapping[str, str], pod: Object) -> bool:
    return selector.items() <= labels(pod).items()


def volume(pod: Object, name: str) -> Object:
    found: Object
    (found,) = [each for each in pod["spec"]["volumes"] if each["name"] == name]
    return found


def mount(container: Object, name: str) -> Object:
    found: Object
    (found,) = [each for each in container["volumeMounts"] if each["name"] == name]
    return found


def environment(container: Object) -> dict[str, Object]:
    return {variable["name"]: variable for variable in container.get("env", [])}
