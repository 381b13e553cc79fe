from __future__ import annotations

import pytest

from guardproxy.errors import GuardproxyError, RequestError
from guardproxy.identity import store


@pytest.mark.parametrize("name", ["NoSuchKey", "SeveralKeys", "NameTaken", "KeyRevoked", "KeyStoreUnavailable"])
def test_a_change_that_fails_says_what_to_do_and_is_no_callers_error(name: str) -> None:
    error = getattr(store, name)("said")
    assert isinstance(error, store.KeyStoreError)
    assert isinstance(error, GuardproxyError)
    assert not isinstance(error, RequestError)
    assert error.message == "said"
