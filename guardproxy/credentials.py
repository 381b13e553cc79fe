"""Secrets of the process: the settings name the file or the environment variable that holds them, never them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from guardproxy.errors import ConfigurationError
from guardproxy.settings import Settings


def upstream_key(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The key for the model endpoint; None where the endpoint needs none (a server of one's own)."""
    if settings.upstream.api_key_file:
        try:
            key = Path(settings.upstream.api_key_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"{settings.upstream.api_key_file}: upstream.api_key_file cannot be read: {error.strerror}"
            ) from error
        except UnicodeDecodeError:  # not chained: it holds the key
            raise ConfigurationError("upstream.api_key_file is not UTF-8 text") from None
    else:
        key = environ.get(settings.upstream.api_key_env, "").strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the upstream's key holds characters that cannot stand in a header")
    return key


def store_password(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The password of the quota store, from its file or its environment variable; None where it needs none."""
    redis = settings.quota.redis
    if not redis.password_file:
        return environ.get(redis.password_env, "").strip() or None
    try:
        return Path(redis.password_file).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise ConfigurationError(
            f"{redis.password_file}: quota.redis.password_file cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError:  # not chained: it holds the password
        raise ConfigurationError("quota.redis.password_file is not UTF-8 text") from None
