"""Real servers, as the quotas have them."""

from __future__ import annotations

from tests.quota.conftest import redis_server, server, valkey_server

__all__ = ["redis_server", "server", "valkey_server"]
