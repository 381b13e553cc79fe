"""Callers that bring the provider's key themselves (`upstream.credentials: passthrough`).

Then two secrets come with a request. The guardproxy key stands in `x-guardproxy-key`, says who calls, and stays here.
The provider's key stands where its clients put it, travels on to the one upstream of the settings in the same header,
and is nothing to guardproxy: it decides nothing and is kept nowhere, not even as a digest. Excerpts of texts are shown
without any part of it.

A guardproxy key that stands in the provider's place would leave the house, so it is refused. So is a request with two
provider's keys: which of them counts is what the upstream might see otherwise.
"""

from __future__ import annotations

import re
from typing import Final

from multidict import MultiMapping

from guardproxy.errors import InvalidKey, ProviderKeyRefused, RequestError, UpstreamUnavailable
from guardproxy.identity.keys import PREFIX

OWN_KEY_HEADER: Final = "x-guardproxy-key"
_VALUE: Final = r"[!-~]{1,4096}"
PROVIDER_HEADERS: Final = {
    "authorization": re.compile(rf"[Bb]earer {_VALUE}"),
    "api-key": re.compile(_VALUE),
    "x-api-key": re.compile(_VALUE),
}

_HEADERS: Final = "authorization (as a bearer token), api-key or x-api-key"
NO_PROVIDER_KEY: Final = f"no provider key given: this proxy passes on the caller's own; send one in {_HEADERS}"
SEVERAL_PROVIDER_KEYS: Final = f"more than one provider key given: send one, once, in {_HEADERS}"
OWN_KEY_THERE: Final = (
    "a guardproxy key stands where the provider key belongs, and is not passed on: send it in x-guardproxy-key only"
)
PROVIDER_KEY_REFUSED: Final = (
    f"the upstream refused the provider key of this request; the guardproxy key in {OWN_KEY_HEADER} is good"
)


def provider_key(headers: MultiMapping[str]) -> str:
    """The provider's key of a request. Raises `InvalidKey`, which quotes nothing."""
    written = [(form, headers.getall(name, ())) for name, form in PROVIDER_HEADERS.items()]
    given = [(form, value) for form, values in written for value in values if value]
    if len(given) > 1 or any(len(values) > 1 for _, values in written):
        raise InvalidKey(SEVERAL_PROVIDER_KEYS)
    if not given or not given[0][0].fullmatch(given[0][1]):
        raise InvalidKey(NO_PROVIDER_KEY)
    key = given[0][1].rpartition(" ")[2]
    if PREFIX in key or key == headers.get(OWN_KEY_HEADER, "").strip():
        raise InvalidKey(OWN_KEY_THERE)
    return key


def credentials_refused(status: int, passthrough: bool) -> RequestError:
    """What a caller is told when the upstream refuses a key: the proxy's own, which is an outage, or the caller's."""
    if passthrough:
        error = ProviderKeyRefused(PROVIDER_KEY_REFUSED)
        error.status = status
        return error
    return UpstreamUnavailable(
        "the upstream refused guardproxy's own credentials; its operator has to mend the upstream key",
        reason="credentials",
    )
