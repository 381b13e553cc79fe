"""Only what is listed is served, and only as it is written."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardproxy.errors import MethodNotAllowed, NotAllowed, RequestError, RouteNotFound
from guardproxy.gateway.routes import find_route

SERVED = {("POST", "/v1/chat/completions"), ("GET", "/v1/models")}


@pytest.mark.parametrize(
    ("method", "path", "surface", "upstream_path", "template"),
    [
        ("POST", "/v1/chat/completions", "chat_completions", "/chat/completions", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions?x=/v1/models", "chat_completions", "/chat/completions", "/v1/chat/completions"),
        ("GET", "/v1/models", "models", "/models", "/v1/models"),
        ("GET", "/v1/models/gpt-x", "models", "/models/gpt-x", "/v1/models/{id}"),
        ("GET", "/v1/models/ft:gpt-x:org::id", "models", "/models/ft:gpt-x:org::id", "/v1/models/{id}"),
        ("GET", "/v1/models/org/model.v1:tag@2", "models", "/models/org/model.v1:tag@2", "/v1/models/{id}"),
    ],
)
def test_a_listed_path_has_its_surface_and_its_own_path_upstream(
    method: str, path: str, surface: str, upstream_path: str, template: str
) -> None:
    route = find_route(method, path, {})
    assert (route.surface.name, route.path, route.template) == (surface, upstream_path, template)


@pytest.mark.parametrize("path", ["/v1/models/{id}", "/v1/models/a/../b", "/v1/models/.hidden", "/v1/models/a//b"])
def test_a_model_name_holds_neither_braces_nor_dot_segments(path: str) -> None:
    with pytest.raises(RouteNotFound):
        find_route("GET", path, {})


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/chat/completions"), ("DELETE", "/v1/models/m"), ("post", "/v1/chat/completions")]
)
def test_a_known_path_with_another_method_is_told_so(method: str, path: str) -> None:
    with pytest.raises(MethodNotAllowed):
        find_route(method, path, {})


def test_an_upgrade_is_refused_on_every_path() -> None:
    for path in ("/v1/chat/completions", "/v1/realtime"):
        with pytest.raises(NotAllowed) as caught:
            find_route("POST", path, {"upgrade": "websocket"})
        assert caught.value.code == "upgrade_refused"


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "get"]),
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(["/", "v1", "models", "chat", "completions", "..", ".", "%2f", "?", "#", ";", "a", ":"]),
            max_size=10,
        ).map(lambda parts: "/" + "".join(parts)),
        st.text(alphabet="/.%2fe\\?#{}a", max_size=12).map(lambda rest: "/v1/models/" + rest),
    ),
)  # fmt: skip
@example("GET", "/v1/models/a\n")
def test_what_is_asked_of_the_upstream_is_always_a_plain_path(method: str, path: str) -> None:
    try:
        route = find_route(method, path, {})
    except RequestError as error:
        assert error.status in (404, 405)
        assert path.partition("?")[0] == "" or path not in error.message.split()
        return
    assert re.fullmatch(r"(/[A-Za-z0-9][A-Za-z0-9_.:@-]*)+", route.path)
    assert ".." not in route.path.split("/")
    assert (method, path.partition("?")[0]) in SERVED or (method, route.template) == ("GET", "/v1/models/{id}")
