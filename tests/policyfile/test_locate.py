"""The shipped policies are found in a checkout and in a wheel; packs by name or by directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.locate import find_pack, shipped_policies


def make_policies(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "default.yaml").touch()
    return directory


def test_an_installed_wheel_holds_the_policies_inside_the_package(tmp_path: Path) -> None:
    inside = make_policies(tmp_path / "guardproxy" / "_policies")
    make_policies(tmp_path / "policies")
    assert inside == shipped_policies(tmp_path / "guardproxy")


def test_a_checkout_holds_them_next_to_the_package(tmp_path: Path) -> None:
    beside = make_policies(tmp_path / "policies")
    assert beside == shipped_policies(tmp_path / "guardproxy")


def test_an_installation_without_policies_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="give a policy file"):
        shipped_policies(tmp_path / "guardproxy")


def test_a_pack_without_a_slash_is_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    assert shipped_policies() / "packs" / "secrets" == find_pack("secrets", tmp_path)


def test_a_pack_with_a_slash_is_a_directory_next_to_the_policy(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    assert tmp_path / "secrets" == find_pack("./secrets", tmp_path)


def test_an_unknown_pack_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown pack 'secretz', did you mean 'secrets'\?"):
        find_pack("secretz", tmp_path)
    with pytest.raises(ConfigurationError, match=r"directory '\./secretz' does not exist"):
        find_pack("./secretz", tmp_path)
