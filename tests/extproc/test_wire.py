"""The wire, judged by a second codec: betterproto2 writes what upb reads, and the reverse."""

import pytest
from envoy_data_plane.envoy.config.core.v3 import (
    HeaderMap,
    HeaderValue,
    HeaderValueOptionHeaderAppendAction,
)
from envoy_data_plane.envoy.service.ext_proc.v3 import (
    HttpBody,
    HttpHeaders,
    HttpTrailers,
    ProcessingRequest,
    ProcessingResponse,
)
from hypothesis import given
from hypothesis import strategies as st

from extproc import wire
from extproc.exchange.actions import (
    ContinueRequest,
    Refuse,
    SendBody,
    SendHeaders,
    SendTrailers,
    SendUpstream,
)
from extproc.exchange.events import (
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)


def http_headers(headers: dict[str, str], end: bool) -> HttpHeaders:
    return HttpHeaders(
        headers=HeaderMap(
            headers=[HeaderValue(key=k, raw_value=v.encode("latin-1")) for k, v in headers.items()]
        ),
        end_of_stream=end,
    )


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.booleans())
def test_headers_are_read_as_the_other_codec_wrote_them(headers: dict[str, str], end: bool) -> None:
    message = ProcessingRequest(request_headers=http_headers(headers, end))
    assert wire.read(bytes(message)) == RequestHeaders(headers, end)
    message = ProcessingRequest(response_headers=http_headers(headers, end))
    assert wire.read(bytes(message)) == ResponseHeaders(headers, end)


@given(st.binary(max_size=200), st.booleans())
def test_bodies_are_read_as_the_other_codec_wrote_them(data: bytes, end: bool) -> None:
    body = HttpBody(body=data, end_of_stream=end)
    assert wire.read(bytes(ProcessingRequest(request_body=body))) == RequestBody(data)
    assert wire.read(bytes(ProcessingRequest(response_body=body))) == ResponseBody(data, end)


def test_trailers_are_read_and_what_was_not_asked_for_is_refused() -> None:
    assert (
        wire.read(bytes(ProcessingRequest(response_trailers=HttpTrailers()))) == ResponseTrailers()
    )
    with pytest.raises(wire.UnexpectedMessage):
        wire.read(bytes(ProcessingRequest(request_trailers=HttpTrailers())))
    with pytest.raises(wire.UnexpectedMessage):
        wire.read(b"")


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.lists(NAMES, max_size=4))
def test_header_mutations_overwrite_and_never_append(
    headers: dict[str, str], removed: list[str]
) -> None:
    response = ProcessingResponse().parse(wire.write(SendHeaders(headers, tuple(removed))))
    assert response.response_headers is not None and response.response_headers.response is not None
    mutation = response.response_headers.response.header_mutation
    assert mutation is not None
    got = {
        option.header.key: option.header.raw_value.decode("latin-1")
        for option in mutation.set_headers
        if option.header is not None
    }
    assert got == headers
    assert list(mutation.remove_headers) == removed
    overwrite = HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
    assert all(option.append_action == overwrite for option in mutation.set_headers)


@given(st.binary(max_size=200), st.booleans())
def test_bytes_of_an_answer_are_streamed(data: bytes, end: bool) -> None:
    response = ProcessingResponse().parse(wire.write(SendBody(data, end)))
    assert response.response_body is not None and response.response_body.response is not None
    mutation = response.response_body.response.body_mutation
    assert mutation is not None and mutation.streamed_response is not None
    streamed = mutation.streamed_response
    assert (streamed.body, streamed.end_of_stream) == (data, end)


@pytest.mark.parametrize("body", [None, b"", b"{}"])
def test_the_upstream_request_clears_the_route_and_replaces_the_body_only_when_it_changed(
    body: bytes | None,
) -> None:
    action = SendUpstream({":path": "/v1/x"}, ("cookie",), body, after_body=True)
    response = ProcessingResponse().parse(wire.write(action))
    assert response.request_body is not None and response.request_body.response is not None
    common = response.request_body.response
    assert common.clear_route_cache
    assert (common.body_mutation is None) == (body is None)
    if body is not None:
        assert common.body_mutation is not None and common.body_mutation.body == body


def test_a_request_without_body_is_answered_in_its_headers() -> None:
    response = ProcessingResponse().parse(wire.write(SendUpstream({}, (), None, after_body=False)))
    assert response.request_headers is not None and response.request_body is None


@pytest.mark.parametrize("status", [401, 402, 426, 429, 529])
def test_a_refusal_keeps_its_status_even_where_envoys_list_has_no_name_for_it(status: int) -> None:
    data = wire.write(Refuse(status, {"retry-after": "3"}, b"{}"))
    response = ProcessingResponse().parse(data)
    assert response.immediate_response is not None
    assert response.immediate_response.status is not None
    assert int(response.immediate_response.status.code) == status
    assert response.immediate_response.body == b"{}"


@pytest.mark.parametrize("size", [1, 2 * wire.MAX_BODY_BYTES, 2 * wire.MAX_BODY_BYTES + 7])
@pytest.mark.parametrize("end", [True, False])
def test_a_large_body_travels_in_messages_of_a_bounded_size(size: int, end: bool) -> None:
    data = bytes(index % 251 for index in range(size))
    parts = list(wire.parts(SendBody(data, end)))
    assert b"".join(part.data for part in parts) == data
    assert max(len(part.data) for part in parts) <= wire.MAX_BODY_BYTES
    assert [part.end for part in parts] == [False] * (len(parts) - 1) + [end]


def test_answers_that_never_vary_are_what_they_should_be() -> None:
    assert ProcessingResponse().parse(wire.write(ContinueRequest())).request_headers is not None
    assert ProcessingResponse().parse(wire.write(SendTrailers())).response_trailers is not None
