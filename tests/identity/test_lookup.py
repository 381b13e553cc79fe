from __future__ import annotations

from guardproxy.identity.keyring import Keyring
from guardproxy.identity.lookup import KeyLookup


def test_the_keys_of_a_file_answer_at_once() -> None:
    keys: KeyLookup = Keyring.empty().with_session_key("s" * 16)
    assert keys.find("nobody's", 0) is None
    assert len(keys.signing_secret("session")) == 64
