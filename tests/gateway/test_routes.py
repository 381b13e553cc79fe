"""Only what is listed is served, and only as it is written."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardproxy.errors import InvalidRequest, MethodNotAllowed, NotAllowed, RequestError, RouteNotFound
from guardproxy.gateway.routes import Passage, Route, find_route
from guardproxy.surfaces import SURFACES
from guardproxy.surfaces.query import Query

ID = "resp_0a1"


@pytest.mark.parametrize(
    ("method", "path", "surface", "upstream_path", "template"),
    [
        ("POST", "/v1/chat/completions", "chat_completions", "/chat/completions", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions?x=/v1/models", "chat_completions", "/chat/completions", "/v1/chat/completions"),
        ("GET", "/v1/models", "models", "/models", "/v1/models"),
        ("GET", "/v1/models/gpt-x", "models", "/models/gpt-x", "/v1/models/{id}"),
        ("GET", "/v1/models/ft:gpt-x:org::id", "models", "/models/ft:gpt-x:org::id", "/v1/models/{id}"),
        ("GET", "/v1/models/org/model.v1:tag@2", "models", "/models/org/model.v1:tag@2", "/v1/models/{id}"),
        ("POST", "/v1/completions", "completions", "/completions", "/v1/completions"),
        ("POST", "/v1/embeddings", "embeddings", "/embeddings", "/v1/embeddings"),
        ("POST", "/v1/moderations", "moderations", "/moderations", "/v1/moderations"),
        ("POST", "/v1/messages", "messages", "/messages", "/v1/messages"),
        ("POST", "/v1/messages?beta=true&x=1", "messages", "/messages?beta=true", "/v1/messages"),
        ("POST", "/v1/messages?x=1", "messages", "/messages", "/v1/messages"),
        (
            "POST",
            "/v1/messages/count_tokens?beta=true",
            "messages",
            "/messages/count_tokens?beta=true",
            "/v1/messages/count_tokens",
        ),
        ("POST", "/v1/responses?beta=true", "responses", "/responses", "/v1/responses"),
        ("POST", "/v1/responses/compact", "responses", "/responses/compact", "/v1/responses/compact"),
        ("GET", f"/v1/responses/{ID}", "responses", f"/responses/{ID}", "/v1/responses/{id}"),
        ("DELETE", f"/v1/responses/{ID}?x=1", "responses", f"/responses/{ID}", "/v1/responses/{id}"),
        ("POST", f"/v1/responses/{ID}/cancel", "responses", f"/responses/{ID}/cancel", "/v1/responses/{id}/cancel"),
    ],
)
def test_a_listed_path_has_its_surface_and_its_own_path_upstream(
    method: str, path: str, surface: str, upstream_path: str, template: str
) -> None:
    route = find_route(method, path, {})
    assert isinstance(route, Route)
    assert (route.surface.name, route.path, route.template) == (surface, upstream_path, template)


@pytest.mark.parametrize(
    ("query", "upstream_query", "told"),
    [
        ("", "", ()),
        ("stream=true&starting_after=7", "?stream=true", (("stream", "true"), ("starting_after", "7"))),
        ("unheard_of=x&stream=false", "?stream=false", (("stream", "false"),)),
        (
            "include%5B%5D=a.b&include[]=c",
            "?include%5B%5D=a.b&include%5B%5D=c",
            (("include[]", "a.b"), ("include[]", "c")),
        ),
    ],
)
def test_of_a_query_only_what_is_known_travels_and_what_is_for_the_proxy_stays(
    query: str, upstream_query: str, told: Query
) -> None:
    route = find_route("GET", f"/v1/responses/{ID}?{query}", {})
    assert isinstance(route, Route)
    assert (route.path, route.query, route.target) == (f"/responses/{ID}{upstream_query}", told, ID)


@pytest.mark.parametrize("query", ["beta=maybe", "beta=true&beta=true", "beta=%ff"])
def test_a_query_of_a_fixed_path_is_held_to_its_form(query: str) -> None:
    with pytest.raises(InvalidRequest):
        find_route("POST", f"/v1/messages?{query}", {})


@pytest.mark.parametrize("path", ["/v1/responses/", "/v1/responses/a.b", "/v1/responses/a/b", f"/v1/responses/{ID}/x"])
def test_the_id_of_a_response_is_letters_digits_and_lines(path: str) -> None:
    with pytest.raises(RouteNotFound):
        find_route("GET", path, {})


@pytest.mark.parametrize(
    ("path", "name", "upstream_path"),
    [
        ("/v1/files", "files", "/files"),
        ("/v1/files/file-1/content?x=1", "files", "/files/file-1/content?x=1"),
        ("/v1/audio/speech", "audio", "/audio/speech"),
    ],
)
def test_an_api_that_cannot_be_inspected_is_known_by_name(path: str, name: str, upstream_path: str) -> None:
    assert find_route("POST", path, {}) == Passage(name, upstream_path, f"/v1/{name}")


@pytest.mark.parametrize("query", ["a b", "a#b", "a?b", "a" * 2001, "\u00e9"])
def test_a_query_that_nobody_would_read_alike_is_refused_and_not_left_out(query: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        find_route("GET", f"/v1/files?{query}", {})
    assert query not in caught.value.message


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/realtime/sessions", "/v1/files/../x", "/v1/files/%2e", "/files"])
def test_what_speaks_over_websockets_and_what_is_no_plain_path_is_nobody(path: str) -> None:
    with pytest.raises(RouteNotFound):
        find_route("POST", path, {})


@pytest.mark.parametrize("path", ["/v1/models/{id}", "/v1/models/a/../b", "/v1/models/.hidden", "/v1/models/a//b"])
def test_a_model_name_holds_neither_braces_nor_dot_segments(path: str) -> None:
    with pytest.raises(RouteNotFound):
        find_route("GET", path, {})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/models/m"),
        ("post", "/v1/chat/completions"),
        ("GET", "/v1/responses/compact"),
        ("GET", f"/v1/responses/{ID}/cancel"),
        ("PATCH", "/v1/files"),
    ],
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
            st.sampled_from(
                ["/", "v1", "models", "responses", "files", "chat", "completions", "..", ".", "%2f", "?", "#", ";", "a"]
            ),
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
        assert error.status in (400, 404, 405)
        assert path.partition("?")[0] == "" or path not in error.message.split()
        return
    plain, _, query = route.path.partition("?")
    assert re.fullmatch(r"(/[A-Za-z0-9][A-Za-z0-9_.:@-]*)+", plain)
    assert ".." not in plain.split("/")
    assert re.fullmatch(r"[A-Za-z0-9_.~%=&\[\]:,+-]*", query)
    assert isinstance(route, Passage) or (method, route.template.removeprefix("/v1")) in SURFACES
