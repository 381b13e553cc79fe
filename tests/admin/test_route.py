"""How a request finds its route, and what its query may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.admin.route import read_query
from guardproxy.admin.routes import METRICS, ROUTES, make_router
from guardproxy.errors import InvalidRequest, MethodNotAllowed, RouteNotFound

ROUTER = make_router(with_metrics=False)
ID = "4fK2m9QxTz0A"


def test_each_route_is_found_by_its_own_path_and_the_id_in_it() -> None:
    for route in ROUTES:
        assert ROUTER.find(route.method, route.path.replace("{id}", ID)) == (route, ID if "{id}" in route.path else "")


@given(st.sampled_from(["GET", "POST", "PUT"]), st.text(max_size=60))
def test_no_other_path_is_found(method: str, path: str) -> None:
    assert isinstance(ROUTER.find(method, path), RouteNotFound)


@pytest.mark.parametrize("path", ["/admin/v1/keys/short", f"/admin/v1/keys/{ID}x", f"/admin/v1/keys/{ID}\n"])
def test_an_id_has_its_form(path: str) -> None:
    assert isinstance(ROUTER.find("GET", path), RouteNotFound)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/keys/app", "behind /admin/v1/keys/ stands an id, of 12 letters and digits, and not a name: GET "
         "/admin/v1/keys?name=... tells it"),
        ("/keys/my%20app/rotate", "GET /admin/v1/keys?name=... tells it"),
        ("/admins/ada/revoke", "GET /admin/v1/admins tells it"),
        ("/keys/app/else", "the admin API has no such path"),
        ("/else/app", "the admin API has no such path"),
    ],
)  # fmt: skip
def test_a_name_in_the_place_of_an_id_is_told_where_the_id_is(path: str, told: str) -> None:
    found = ROUTER.find("POST", "/admin/v1" + path)
    assert isinstance(found, RouteNotFound)
    assert told in found.message


def test_a_known_path_tells_its_methods() -> None:
    told = ROUTER.find("PUT", "/admin/v1/keys")
    assert isinstance(told, MethodNotAllowed)
    assert told.message == "use GET, POST here"


def test_metrics_are_a_route_only_where_they_need_a_token() -> None:
    assert isinstance(ROUTER.find("GET", "/metrics"), RouteNotFound)
    assert make_router(with_metrics=True).find("GET", "/metrics") == (METRICS, "")


def test_a_query_is_decoded_once() -> None:
    assert read_query("", ()) == {}
    assert read_query("key=a%26b%2520c&limit=2", ("key", "limit")) == {"key": "a&b%20c", "limit": "2"}


@pytest.mark.parametrize(
    "raw", ["a", "a=", "=1", "a=1&a=1", "a=1&&b=2", "b=1", "a=%ff", "a=%00", "a=%0a", "a=" + "x" * 201, "a=1&b=1"]
)
def test_a_query_says_what_is_known_once(raw: str) -> None:
    with pytest.raises(InvalidRequest):
        read_query(raw, ("a",))
