"""Process settings: where to listen, where the model is, which policy, which keys. Read once, validated, frozen.

Sources, the later one wins: built-in defaults, the environment, the file (`guardproxy.yaml`), the command line.
Secrets never stand in the file: it names the environment variable or the file that holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from guardproxy.admin_settings import Admin, Port
from guardproxy.errors import ConfigurationError
from guardproxy.identity.key_settings import KeySettings
from guardproxy.identity.stored import Cidr
from guardproxy.oidc.discovery import is_loopback as is_loopback
from guardproxy.oidc.schema import AuthSettings
from guardproxy.policy_settings import VARIABLE, PolicySettings, Seconds, Told, choose_policies
from guardproxy.policyfile.catalogue import Wanted
from guardproxy.policyfile.mistakes import read_as
from guardproxy.policyfile.schema import Count, Text, Written
from guardproxy.policyfile.yaml_nodes import parse_yaml

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"


class Listen(Written):
    """The data plane. Port 0 takes a free one. Of `trusted_proxies` the header `X-Forwarded-For` is believed."""

    host: Text = "127.0.0.1"
    port: Port = 8080
    trusted_proxies: tuple[Cidr, ...] = ()


class UpstreamSettings(Written):
    """The one model endpoint, with its `/v1`. The key comes from a file or from an environment variable.

    `auth` is how it is presented; `auto`: as each API's own servers take it. `credentials`: the key is held here, or
    (`passthrough`) each caller brings its own. `rate_limits`: whether callers are told what the
    upstream says is left there, in `x-upstream-ratelimit-*`.
    """

    base_url: Text = DEFAULT_BASE_URL
    api_key_env: Text = "OPENAI_API_KEY"
    api_key_file: Text | None = None
    connect_timeout: Seconds = 5.0
    auth: Literal["auto", "bearer", "x-api-key", "both"] = "auto"
    credentials: Literal["held", "passthrough"] = "held"
    read_timeout: Seconds = 120.0
    max_connections: Annotated[int, Field(gt=0)] = 1000
    max_response_bytes: Annotated[int, Field(gt=0)] = 16 * 1024 * 1024
    rate_limits: bool = False


class RedisSettings(Written):
    """The store shared by several proxies. Its password stands in an environment variable or a file."""

    url: Text | None = None
    username: Text | None = None
    password_env: Text = "GUARDPROXY_REDIS_PASSWORD"  # noqa: S105 - the name of a variable
    password_file: Text | None = None
    ca_file: Text | None = None
    connect_timeout: Seconds = 0.25
    command_timeout: Seconds = 0.1
    prefix: Annotated[str, StringConstraints(pattern=r"^[!-~]*\{[!-~]+\}[!-~]*$", max_length=64)] = "gp:q:{gp}:"


class WrittenPrice(Written):
    """US dollars per million tokens; `units` are charged for each request."""

    models: Annotated[tuple[Text, ...], Field(min_length=1)]
    input: Annotated[float, Field(ge=0, le=10**6)] = 0.0
    output: Annotated[float, Field(ge=0, le=10**6)] = 0.0
    units: dict[str, Count] = Field(default_factory=dict)


class QuotaSettings(Written):
    """How quotas are kept. Without a store each process counts by itself.

    `replicas` is how many processes share the limits while the store is away, `factor` how much of the limits they may
    use together then. `ietf_headers`: callers are also told in the headers of the IETF's draft.
    """

    redis: RedisSettings = RedisSettings()
    enforce: bool = True
    lease: Annotated[float, Field(ge=3, le=3600, strict=False)] = 60.0
    replicas: Annotated[int, Field(gt=0)] = 1
    factor: Annotated[float, Field(gt=0, le=100, strict=False)] = 1.0
    tokenizer: Literal["estimate", "tiktoken"] = "estimate"
    ietf_headers: bool = False
    prices: tuple[WrittenPrice, ...] = ()


class LogSettings(Written):
    """`auto` is readable on a terminal and JSON lines elsewhere. `incidents` is the file of blocked exchanges."""

    format: Literal["auto", "json", "console"] = "auto"
    incidents: Text | None = "incidents.jsonl"


class Settings(Written):
    """Everything `guardproxy.yaml` may hold."""

    listen: Listen = Listen()
    admin: Admin = Admin()
    upstream: UpstreamSettings = UpstreamSettings()
    policy: Text | None = None
    policies: PolicySettings = PolicySettings()
    keys: KeySettings = KeySettings()
    auth: AuthSettings = AuthSettings()
    quota: QuotaSettings = QuotaSettings()
    log: LogSettings = LogSettings()
    head_timeout: Seconds = 15.0
    body_timeout: Seconds = 30.0
    exchange_timeout: Seconds = 900.0
    drain_timeout: Seconds = 600.0


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says; None where it says nothing."""

    host: str | None = None
    port: int | None = None
    admin_port: int | None = None
    policy: Path | None = None
    log_format: str | None = None
    skip_cases: bool = False


def load_settings(
    file: Path | None, environ: Mapping[str, str], overrides: Overrides = Overrides(), told: Told = lambda _: None
) -> Settings:
    """The settings of a process. Raises `ConfigurationError`, naming file, line and column where there is one.

    `told` hears of what is named and not used.
    """
    settings = _read(file) if file else Settings()
    settings = _with_overrides(_with_environment(settings, environ), overrides)
    _check_origin(settings.upstream.base_url)
    one = None if overrides.policy is None else str(overrides.policy)
    environment = environ.get(VARIABLE, "").strip() or None
    chosen = choose_policies(settings.policy, settings.policies, environment, one, told)
    return settings.model_copy(update={"policy": chosen.one, "policies": chosen.several})


def wanted_policies(settings: Settings) -> Wanted:
    """Which policies the settings name, and who gets which."""
    several = settings.policies
    paths = (settings.policy,) if settings.policy else several.files
    return Wanted(tuple(map(Path, paths)), several.default, several.keys, several.teams)


def _read(file: Path) -> Settings:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    document = parse_yaml(raw, str(file))
    settings = read_as(Settings, document, document.content)
    if ":" in urlsplit(settings.quota.redis.url or "").netloc.rpartition("@")[0]:
        where = document.at(("quota", "redis", "url"))
        raise ConfigurationError(f"{where}: no password belongs into this file: use password_env or password_file")
    if settings.policy is not None and (also := settings.policies.choosing):
        where = document.at_key(tuple(also[0].split(".")))
        raise ConfigurationError(
            f"{where}: 'policy' is one policy for everybody and '{also[0]}' is about several: write one of the two"
        )
    return _beside(file.parent, settings)


def _beside(folder: Path, settings: Settings) -> Settings:
    """Files are named relative to the file that names them, wherever the process is started."""

    def anchored(name: str | None) -> str | None:
        return None if name is None else str(folder / name)

    log, policies = settings.log, settings.policies
    if "incidents" in log.model_fields_set:  # the default is not named by the file, so the environment may change it
        log = log.model_copy(update={"incidents": anchored(log.incidents)})
    return settings.model_copy(
        update={
            "admin": settings.admin.beside(folder),
            "policy": anchored(settings.policy),
            "policies": policies.model_copy(
                update={
                    "files": tuple(str(folder / name) for name in policies.files),
                    "state": anchored(policies.state),
                    "candidate": anchored(policies.candidate),
                    "candidate_log": str(folder / policies.candidate_log),
                }
            ),
            "keys": settings.keys.model_copy(
                update={"file": anchored(settings.keys.file), "pepper_file": anchored(settings.keys.pepper_file)}
            ),
            "auth": settings.auth.anchored(anchored),
            "log": log,
            "quota": settings.quota.model_copy(
                update={
                    "redis": settings.quota.redis.model_copy(
                        update={
                            "password_file": anchored(settings.quota.redis.password_file),
                            "ca_file": anchored(settings.quota.redis.ca_file),
                        }
                    )
                }
            ),
            "upstream": settings.upstream.model_copy(update={"api_key_file": anchored(settings.upstream.api_key_file)}),
        }
    )


def _with_environment(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The environment fills in what the file does not say."""
    changes: dict[str, object] = {}
    base_url = environ.get("OPENAI_BASE_URL", "").strip()
    if base_url and "base_url" not in settings.upstream.model_fields_set:
        changes["upstream"] = settings.upstream.model_copy(update={"base_url": base_url})
    if (keys := environ.get("GUARDPROXY_KEYS", "").strip()) and settings.keys.file is None:
        changes["keys"] = settings.keys.model_copy(update={"file": keys})
    if (
        incidents := environ.get("GUARDPROXY_INCIDENTS", "").strip()
    ) and "incidents" not in settings.log.model_fields_set:
        changes["log"] = settings.log.model_copy(update={"incidents": incidents})
    changes["admin"] = settings.admin.with_environment(environ)
    changes["quota"] = _quota_with_environment(settings.quota, environ)
    return settings.model_copy(update=changes)


def _quota_with_environment(quota: QuotaSettings, environ: Mapping[str, str]) -> QuotaSettings:
    changes: dict[str, object] = {}
    if (url := environ.get("GUARDPROXY_REDIS_URL", "").strip()) and quota.redis.url is None:
        changes["redis"] = quota.redis.model_copy(update={"url": url})
    if (replicas := environ.get("GUARDPROXY_REPLICAS", "").strip()) and "replicas" not in quota.model_fields_set:
        if not replicas.isdecimal() or int(replicas) == 0:
            raise ConfigurationError("GUARDPROXY_REPLICAS is a number of processes, 1 or more")
        changes["replicas"] = int(replicas)
    return quota.model_copy(update=changes)


def _with_overrides(settings: Settings, overrides: Overrides) -> Settings:
    said: dict[str, dict[str, object]] = {
        "listen": {"host": overrides.host, "port": overrides.port},
        "admin": {"port": overrides.admin_port},
        "log": {"format": overrides.log_format},
    }
    changes: dict[str, object] = {}
    for part, values in said.items():
        update = {name: value for name, value in values.items() if value is not None}
        changes[part] = getattr(settings, part).model_copy(update=update)
    if overrides.skip_cases:
        changes["policies"] = settings.policies.model_copy(update={"cases_timeout": None})
    return settings.model_copy(update=changes)


def _check_origin(base_url: str) -> None:
    if not _is_origin(base_url):
        raise ConfigurationError(
            "upstream.base_url (or OPENAI_BASE_URL) must be an http(s) URL such as https://api.openai.com/v1, "
            "without user, query or fragment"
        )


def _is_origin(base_url: str) -> bool:
    try:
        parts = urlsplit(base_url)
        plain = not (parts.query or parts.fragment or "@" in parts.netloc or parts.port == 0)
    except ValueError:  # half an IPv6 address, a port that is no number
        return False
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)
