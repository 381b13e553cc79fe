"""The nonce of a conversation: nobody can guess it, and it stays the same from turn to turn.

It is an HMAC of what begins the conversation, under a secret of the proxy. A client that sends its history again sends
the same beginning, so the fences of old messages come out the same and a provider's prompt cache keeps working, with
nothing to be remembered. Another caller's conversation has another nonce, also where it begins with the same words.
"""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Sequence
from typing import Final

LENGTH: Final = 16
"""Characters of base 32: 80 bits."""


def conversation_nonce(secret: bytes, key_id: str, beginning: Sequence[str]) -> str:
    """Lower-case letters and digits. `beginning`: the texts up to the first turn that is not the operator's."""
    mac = hmac.new(secret, digestmod="sha256")
    for text in (key_id, *beginning):
        raw = text.encode("utf-8", "surrogatepass")
        mac.update(b"%d:" % len(raw))
        mac.update(raw)
    return b32encode(mac.digest())[:LENGTH].decode().lower()
