from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.identity.entry import entry_of
from guardproxy.identity.keys import digest, renewed
from guardproxy.identity.stored import Former
from tests.identity.making import MOMENT, NOW, PEPPER, made

MOMENTS = st.integers(-100, 100).map(lambda hours: MOMENT + timedelta(hours=hours))


def test_the_entry_is_that_of_the_key() -> None:
    _, key = made(speaks_as="operator", team="red", tags=("a",), roles=("viewer",), models=("m*",))
    principal = entry_of(key).principal
    assert principal == key.principal
    assert principal is not None
    assert (principal.operator, principal.team, principal.roles) == (True, "red", frozenset({"viewer"}))
    assert principal.scope.allows_model("m1")
    assert not principal.scope.allows_model("n")


@given(st.none() | MOMENTS, st.none() | MOMENTS, MOMENTS, st.booleans())
def test_it_opens_from_its_first_moment_to_before_its_last_unless_revoked(
    starts: datetime | None, ends: datetime | None, now: datetime, revoked: bool
) -> None:
    if starts is not None and ends is not None and starts >= ends:
        starts = None
    _, key = made(not_before=starts, expires=ends, revoked=MOMENT if revoked else None)
    valid = not revoked and (starts is None or starts <= now) and (ends is None or now < ends)
    assert entry_of(key).opens(key.digest, now.timestamp()) is valid
    assert (key.status(now) == "active") is valid
    assert not entry_of(key).opens(secrets.token_hex(32), now.timestamp())


@given(MOMENTS, st.none() | MOMENTS, MOMENTS)
def test_a_former_secret_opens_until_its_overlap_or_the_key_ends(
    until: datetime, expires: datetime | None, now: datetime
) -> None:
    old, key = made()
    new = renewed(key.id, secrets.token_bytes)
    rotated = key.model_copy(
        update={
            "digest": digest(new, PEPPER),
            "rotated_from": Former(digest=key.digest, until=until),
            "expires": expires,
        }
    )
    entry, lives = entry_of(rotated), expires is None or now < expires
    assert entry.opens(digest(new, PEPPER), now.timestamp()) is lives
    assert entry.opens(digest(old, PEPPER), now.timestamp()) is (lives and now < until)


def test_no_digest_and_a_key_without_a_former_secret_open_nothing() -> None:
    _, key = made()
    assert not entry_of(key).opens("", NOW)
