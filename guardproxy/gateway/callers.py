"""Who comes in: the holder of a key, from where the key may be used, for what it is for.

A key that opens nothing is told in constant words. It counts as a failure of the address it came from; an address with
too many of them is told to wait (429), in constant words too. A valid key always opens, so nobody locks out others
behind the same address. What was presented is never logged: its id if that is known here, else a keyed digest that
only shows whether it was the same thing again.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from time import monotonic
from typing import Final

from guardproxy.audit.events import Event
from guardproxy.core.exchange import RequestReading
from guardproxy.core.principal import Principal
from guardproxy.core.scope import ANYTHING, Address
from guardproxy.errors import InvalidKey, NotAllowed, RequestError, Retry, TooManyInvalidKeys
from guardproxy.gateway.addresses import caller_address
from guardproxy.gateway.auth import WRONG_KEY, authenticate
from guardproxy.gateway.passthrough import provider_key
from guardproxy.gateway.routes import Passage, Route
from guardproxy.gateway.running import Running
from guardproxy.wire.path import format_path

TOO_MANY: Final = "too many invalid keys from this address: send a current guardproxy key, or wait"


def known_caller(running: Running) -> Principal | Awaitable[Principal]:
    """The holder of the presented key, or the promise of it. Raises `InvalidKey`, `TooManyInvalidKeys`."""
    gateway = running.gateway
    return authenticate(
        running.request.headers,
        gateway.keyring,
        gateway.now_ms() // 1000,
        running.draft.conventions.key_header,
        partial(_refused, running),
        gateway.passthrough,
    )


def check_use(running: Running, principal: Principal, route: Route | Passage | None) -> None:
    """Whether this key may be used from here, for this API. Raises `NotAllowed`. None: an API of guardproxy's own.

    Where callers bring the provider's key it has to be there too: raises `InvalidKey`.
    """
    if route is not None and running.gateway.passthrough:
        running.draft.provider_key = provider_key(running.request.headers)
    scope = principal.scope
    if scope is ANYTHING:
        return
    if scope.networks and not scope.allows_address(_address(running)):
        raise NotAllowed("this key may not be used from this address", code="address_not_allowed")
    if route is None:
        return
    name = route.name if isinstance(route, Passage) else route.surface.name
    if not scope.allows_route(name):
        raise NotAllowed(f"this key may not be used for this API ({name})", code="route_not_allowed")
    if not scope.models:
        return
    if isinstance(route, Passage) and name not in scope.routes:
        raise NotAllowed(
            f"this key is for certain models only, and {name} cannot be looked at: its operator has to name {name} "
            "among the key's routes",
            code="route_not_allowed",
        )
    if isinstance(route, Route) and route.surface.name == "models" and route.target:
        _check_model(principal, route.target, "model")


def check_models(principal: Principal, reading: RequestReading) -> None:
    """Whether this key may ask for each model the request names. Raises `NotAllowed`."""
    if principal.scope.models:
        for name, path in ((reading.model, ("model",)), *reading.other_models):
            _check_model(principal, name, format_path(path))


def _check_model(principal: Principal, name: str, param: str) -> None:
    if not principal.scope.allows_model(name):
        raise NotAllowed("this key may not ask for this model", param=param, code="model_not_allowed")


def _refused(running: Running, token: str) -> RequestError:
    """What the caller is told about a key that opens nothing: that, or that it has to wait."""
    gateway, address = running.gateway, _address(running)
    failure = gateway.entrance.failures.failed(address, monotonic())
    if failure.told:
        known = gateway.keyring.why_refused(token, gateway.now_ms() // 1000)
        gateway.entrance.tell(
            Event.KEY_REFUSED,
            request_id=running.draft.request_id,
            address=str(address) if address is not None else None,
            reason=known.reason,
            **({"key_id": known.key_id} if known.key_id is not None else {"presented": known.mark}),
            limited=failure.wait_s is not None,
        )
    if failure.wait_s is None:
        return InvalidKey(WRONG_KEY)
    return TooManyInvalidKeys(TOO_MANY, retry=Retry(after_ms=int(failure.wait_s * 1000) + 1))


def _address(running: Running) -> Address | None:
    return caller_address(running.request.remote, running.request.headers, running.gateway.entrance.trusted)
