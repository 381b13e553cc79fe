"""Settings, policies, incidents: what the pods of the chart read and write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guardproxy.policyfile.compile import load_policy
from guardproxy.settings import load_settings
from tests.deploy.chart import MINIMAL, Release, Values, environment, mount, render, rendered, values_of, volume


def test_the_settings_are_settings_of_guardproxy(release: Release, tmp_path: Path) -> None:
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


def test_other_settings_mean_other_pods_and_nothing_else_does() -> None:
    base = {**MINIMAL, "policies": {"files": {"policy.yaml": "version: 1\nname: a\n"}}}
    assert checksum({**base, "replicas": 7, "podAnnotations": {"a": "b"}}) == checksum(base)
    assert checksum({**base, "config": {"body_timeout": 10}}) != checksum(base)


def test_a_changed_policy_leaves_the_pods_as_they_are_and_another_file_does_not() -> None:
    """What runs follows its files; but which files a pod has is written in the pod."""
    files = {"policy.yaml": "version: 1\nname: a\n"}
    base, changed, more = (
        render({**MINIMAL, "policies": {"files": written}})
        for written in (files, {"policy.yaml": "version: 1\nname: b\n"}, {**files, "pack/a.yaml": "{}"})
    )
    assert base.one("Deployment") == changed.one("Deployment")
    assert base.all("ConfigMap") != changed.all("ConfigMap")
    assert base.one("Deployment") != more.one("Deployment")


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


def test_keys_come_as_a_file_with_its_pepper_or_from_redis_with_the_pepper_alone() -> None:
    """The Secret is a folder, so that running pods see a change of it."""
    of_file, of_redis = rendered("minimal"), rendered("shared-keys")
    paths = [[item["path"] for item in volume(one.pod, "keys")["secret"]["items"]] for one in (of_file, of_redis)]
    assert paths == [["keys.yaml", "keys.pepper"], ["keys.pepper"]]
    assert of_file.config["keys"] == {"file": "../keys/keys.yaml"}
    assert of_redis.config["keys"] == {"store": "redis", "pepper_file": "../keys/keys.pepper"}


def test_an_admin_api_is_there_where_a_secret_of_admins_is_named_and_its_record_can_be_written() -> None:
    release = rendered("production")
    folder = mount(release.container, "admins")["mountPath"]
    config = Path("/etc/guardproxy/config")
    assert (config / release.config["admin"]["tokens_file"]).as_posix() == f"{config}/../admins/admins.yaml"
    assert folder == "/etc/guardproxy/admins"
    secret = volume(release.pod, "admins")["secret"]
    assert secret["secretName"] == "guardproxy-admins"
    assert {item["path"] for item in secret["items"]} == {"admins.yaml", "admins.pepper"}
    assert release.config["admin"]["log_file"].startswith(mount(release.container, "incidents")["mountPath"] + "/")
    assert "tokens_file" not in rendered("minimal").config["admin"]
