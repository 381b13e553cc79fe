"""The README and the policy reference name everything there is to use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from guardproxy.admin.route import PREFIX, Route
from guardproxy.admin.routes import ROUTES
from guardproxy.audit.events import Event
from guardproxy.audit.metrics import FAMILIES
from guardproxy.audit.registry import Family
from guardproxy.cli.main import app
from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.policy import OperatorMessages
from guardproxy.core.quota import Metric, OnStoreError, Share
from guardproxy.core.tools import rules as tool_rules
from guardproxy.core.tools.entities import Kind
from guardproxy.core.tools.origin import Origin
from guardproxy.core.tools.rules import Span
from guardproxy.core.verdict import Action, Severity
from guardproxy.detectors import DETECTORS
from guardproxy.detectors.checks.official import OFFICIAL
from guardproxy.gateway.gauges import GAUGES
from guardproxy.policyfile.examples import ALPHABETS
from guardproxy.policyfile.quota_schema import WrittenOnly, WrittenQuota
from guardproxy.policyfile.schema import WrittenPolicy, WrittenRule
from guardproxy.policyfile.tool_schema import WrittenArgument, WrittenFlowRule, WrittenTools
from guardproxy.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "policies" / "README.md").read_text(encoding="utf-8")


def in_code(text: str) -> str:
    """What stands in back-quotes or in a code block, which is where names belong."""
    return "\n".join(re.findall(r"`([^`]+)`", text) + re.findall(r"^ {4,}(.*)$", text, re.MULTILINE))


def commands() -> Iterator[str]:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        yield name
        for below in getattr(command, "commands", {}):
            yield f"{name} {below}"


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def policy_keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from policy_keys(field.annotation)


@pytest.mark.parametrize("command", list(commands()))
def test_the_readme_names_each_command(command: str) -> None:
    assert f"`guardproxy {command}`" in README or f"`{command}`" in README


@pytest.mark.parametrize("setting", list(settings(Settings)))
def test_the_readme_names_each_setting(setting: str) -> None:
    assert f"`{setting}`" in README


@pytest.mark.parametrize("event", list(Event))
def test_the_readme_names_each_log_event(event: Event) -> None:
    assert f"`{event.value}`" in README


@pytest.mark.parametrize("family", [*FAMILIES, *(gauge.family for gauge in GAUGES)], ids=lambda family: family.name)
def test_the_readme_names_each_metric_and_its_labels(family: Family) -> None:
    (row,) = (line for line in README.splitlines() if line.startswith("|") and f"`{family.name}`" in line)
    assert set(family.labels) <= set(re.findall(r"[a-z]+", row.split("|")[2]))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.action)
def test_the_readme_names_each_route_of_the_admin_api_and_what_it_may_be_asked(route: Route) -> None:
    (row,) = (line for line in README.splitlines() if f"`{route.method} {route.path.removeprefix(PREFIX)}`" in line)
    assert set(route.query) <= set(re.findall(r"[a-z]+", row))


def test_the_readme_names_each_environment_variable() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "guardproxy").rglob("*.py"))
    used = set(re.findall(r"\"(GUARDPROXY_[A-Z_]+)\"", source))
    assert used
    assert used <= set(re.findall(r"`(GUARDPROXY_[A-Z_]+)`", README))


@pytest.mark.parametrize(
    "word",
    [
        *Action.__members__,
        *Severity,
        *Provenance,
        *OpaqueKind,
        *Metric,
        *Share,
        *OnStoreError,
        *OperatorMessages,
        *Origin,
        *Span,
        *(kind for kind in Kind if kind is not Kind.TEXT),
    ],
)
def test_the_reference_names_each_word_of_the_policy_language(word: str) -> None:
    assert re.search(rf"\b{word.lower()}\b", in_code(REFERENCE))


WRITTEN = (
    WrittenPolicy,
    WrittenRule,
    WrittenQuota,
    WrittenOnly,
    WrittenTools,
    WrittenFlowRule,
    WrittenArgument,
)


@pytest.mark.parametrize(
    "key",
    sorted({key for model in WRITTEN for key in policy_keys(model)}),
)
def test_the_reference_names_each_key_of_a_policy_and_of_a_rule(key: str) -> None:
    assert re.search(rf"\b{key}\b", in_code(REFERENCE))


@pytest.mark.parametrize("finding", [value for value in vars(tool_rules).values() if str(value).startswith("tools.")])
def test_the_reference_names_each_finding_about_tools(finding: str) -> None:
    assert f"`{finding}`" in REFERENCE


@pytest.mark.parametrize("detector", list(DETECTORS))
def test_the_reference_names_each_detector_and_its_options(detector: str) -> None:
    assert f"`{detector}`" in REFERENCE
    for option in DETECTORS[detector].options.__dataclass_fields__:
        assert f"`{option}`" in REFERENCE


@pytest.mark.parametrize("generator", list(ALPHABETS))
def test_the_reference_names_each_generator(generator: str) -> None:
    assert f"{{{generator}:" in REFERENCE


def test_links_lead_to_files() -> None:
    for base, text in ((ROOT, README), (ROOT / "policies", REFERENCE)):
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (base / target).exists(), target


def test_yaml_of_the_readme_is_a_valid_policy_and_a_valid_rule(tmp_path: Path) -> None:
    from guardproxy.policyfile.compile import compile_rule, load_policy
    from guardproxy.policyfile.examples import run_examples
    from guardproxy.policyfile.load import read_rule

    policy, rule = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "my-pack").mkdir()
    (tmp_path / "my-policy.yaml").write_text(policy, encoding="utf-8")
    (tmp_path / "my-pack" / "ticket.yaml").write_text(rule, encoding="utf-8")
    assert load_policy(tmp_path / "my-policy.yaml").name == "my-policy"
    assert run_examples([compile_rule(read_rule(tmp_path / "my-pack" / "ticket.yaml"))]) == []


def test_the_countries_are_counted_as_they_are() -> None:
    checks = {name[:2] for name in OFFICIAL}
    files = (ROOT / "policies" / "packs" / "pii").glob("*.yaml")
    rules = {file.stem[:2] for file in files if re.match("[a-z]{2}-", file.stem)}
    told = " ".join(REFERENCE.split())
    assert f"the official numbers of {len(checks)} countries as" in told
    assert f"the national numbers of {len(rules)} countries" in told
