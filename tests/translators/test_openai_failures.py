"""OpenAI's errors: what we write raises the right exception in the vendor's own SDK, and whatever
an upstream may send for an error is read as the right kind of failure, without its secrets."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import ResponseErrorEvent, ResponseFailedEvent

from translators.canonical.failure import STATUS, Failure, Kind
from translators.canonical.stream import Ended, Failed, Finished
from translators.openai_chat import PROTOCOL as CHAT
from translators.openai_responses import PROTOCOL as RESPONSES
from translators.protocol import Protocol

BOTH = pytest.mark.parametrize("protocol", [CHAT, RESPONSES], ids=lambda p: p.name)
REQUEST_ID = "req_0123456789abcdef"

EXCEPTIONS: dict[Kind, type[openai.APIStatusError]] = {
    Kind.INVALID_REQUEST: openai.BadRequestError,
    Kind.AUTHENTICATION: openai.AuthenticationError,
    Kind.CREDIT: openai.APIStatusError,
    Kind.PERMISSION: openai.PermissionDeniedError,
    Kind.NOT_FOUND: openai.NotFoundError,
    Kind.TIMEOUT: openai.InternalServerError,
    Kind.TOO_LARGE: openai.APIStatusError,
    Kind.UPGRADE_REQUIRED: openai.APIStatusError,
    Kind.RATE_LIMITED: openai.RateLimitError,
    Kind.INTERNAL: openai.InternalServerError,
    Kind.UPSTREAM: openai.InternalServerError,
    Kind.UNAVAILABLE: openai.InternalServerError,
    Kind.OVERLOADED: openai.InternalServerError,
}


def client(
    answer: Callable[[httpx2.Request], httpx2.Response], max_retries: int = 0
) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="sk-test",
        base_url="http://gateway.test/v1",
        max_retries=max_retries,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def ask(protocol: Protocol, sdk: openai.OpenAI, stream: bool = False) -> Any:
    if protocol is CHAT:
        messages: Any = [{"role": "user", "content": "hi"}]
        return sdk.chat.completions.create(model="m", messages=messages, stream=stream)
    return sdk.responses.create(model="m", input="hi", stream=stream)


def refuse(protocol: Protocol, failure: Failure) -> Callable[[httpx2.Request], httpx2.Response]:
    headers = {
        "content-type": "application/json",
        "x-request-id": REQUEST_ID,
        **protocol.failure_headers(failure),
    }
    body = protocol.render_failure(failure, REQUEST_ID)
    return lambda request: httpx2.Response(failure.http_status, headers=headers, content=body)


@BOTH
@pytest.mark.parametrize("kind", Kind)
def test_the_sdk_raises_the_exception_of_the_kind(protocol: Protocol, kind: Kind) -> None:
    failure = Failure(kind, 'It said "no" to <you>.', param="model")
    with client(refuse(protocol, failure)) as sdk, pytest.raises(openai.APIStatusError) as caught:
        ask(protocol, sdk)
    error = caught.value
    assert type(error) is EXCEPTIONS[kind]
    assert error.status_code == STATUS[kind]
    assert error.request_id == REQUEST_ID
    assert error.message == f'Error code: {STATUS[kind]} - It said "no" to <you>.'
    assert error.param == "model"
    assert error.type


@BOTH
@pytest.mark.parametrize(
    ("failure", "type_", "code"),
    [
        (Failure(Kind.AUTHENTICATION, "m"), "invalid_request_error", "invalid_api_key"),
        (Failure(Kind.CREDIT, "m"), "insufficient_quota", "insufficient_quota"),
        (Failure(Kind.RATE_LIMITED, "m"), "requests", "rate_limit_exceeded"),
        (Failure(Kind.INVALID_REQUEST, "m"), "invalid_request_error", None),
        (Failure(Kind.NOT_FOUND, "m", param="model"), "invalid_request_error", "model_not_found"),
        (Failure(Kind.NOT_FOUND, "m"), "invalid_request_error", "not_found"),
        (Failure(Kind.INTERNAL, "m"), "server_error", "server_error"),
        (Failure(Kind.OVERLOADED, "m"), "service_unavailable_error", "server_is_overloaded"),
        (
            Failure(Kind.INVALID_REQUEST, "m", code="context_length_exceeded"),
            "invalid_request_error",
            "context_length_exceeded",
        ),
    ],
)
def test_the_words_are_openais_own(
    protocol: Protocol, failure: Failure, type_: str, code: str | None
) -> None:
    error = json.loads(protocol.render_failure(failure, REQUEST_ID))["error"]
    assert error == {"message": "m", "type": type_, "param": failure.param, "code": code}


@BOTH
@pytest.mark.parametrize("kind", Kind)
def test_a_rendered_failure_is_read_back_as_the_same_kind(protocol: Protocol, kind: Kind) -> None:
    failure = Failure(kind, "It failed.", param="input", retry_after_s=3.0)
    read = protocol.decode_failure(
        failure.http_status,
        protocol.failure_headers(failure),
        protocol.render_failure(failure, REQUEST_ID),
    )
    assert (read.kind, read.message, read.param) == (kind, "It failed.", "input")
    assert (read.retry_after_s, read.http_status) == (3.0, failure.http_status)


@BOTH
def test_a_refusal_for_credit_as_429_is_not_tried_again(protocol: Protocol) -> None:
    """The SDK would try a 429 again by itself; `x-should-retry` stops it."""
    asked: list[httpx2.Request] = []
    answer = refuse(protocol, Failure(Kind.CREDIT, "No credit.", status=429))

    def count(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return answer(request)

    with client(count, max_retries=2) as sdk, pytest.raises(openai.RateLimitError) as caught:
        ask(protocol, sdk)
    assert caught.value.code == "insufficient_quota"
    assert len(asked) == 1


@BOTH
@pytest.mark.parametrize(
    ("wait_s", "header"), [(0.2, "1"), (1.0, "1"), (59.01, "60"), (0.0, "0"), (None, None)]
)
def test_retry_after_is_in_whole_seconds_rounded_up(
    protocol: Protocol, wait_s: float | None, header: str | None
) -> None:
    headers = protocol.failure_headers(Failure(Kind.RATE_LIMITED, "m", retry_after_s=wait_s))
    assert headers.get("retry-after") == header
    assert headers["x-should-retry"] == "true"


# ------------------------------------------------------------------------ inside a started stream

CHAT_START = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}\n\n'
)
RESPONSES_START = (
    b"event: response.output_text.delta\n"
    b'data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1",'
    b'"output_index":0,"content_index":0,"delta":"Hel","logprobs":[]}\n\n'
)


def started(protocol: Protocol) -> bytes:
    return CHAT_START if protocol is CHAT else RESPONSES_START


@BOTH
@pytest.mark.parametrize("kind", Kind)
def test_the_sdk_raises_inside_a_started_stream(protocol: Protocol, kind: Kind) -> None:
    failure = Failure(kind, "The upstream broke off.", code="some_code", param="p")
    stream = started(protocol) + protocol.render_stream_failure(failure, REQUEST_ID)
    headers = {"content-type": "text/event-stream"}
    seen = []
    with (
        client(lambda request: httpx2.Response(200, headers=headers, content=stream)) as sdk,
        pytest.raises(openai.APIError) as caught,
    ):
        for event in ask(protocol, sdk, stream=True):
            seen.append(event)
    assert len(seen) == 1
    assert caught.value.message == "The upstream broke off."
    assert (caught.value.code, caught.value.param) == ("some_code", "p")


@BOTH
@pytest.mark.parametrize("kind", Kind)
def test_a_failed_stream_reads_as_failed_and_never_as_finished(
    protocol: Protocol, kind: Kind
) -> None:
    failure = Failure(kind, "The upstream broke off.")
    decoder = protocol.stream_observer("text/event-stream")
    events = decoder.feed(started(protocol))
    events += decoder.feed(protocol.render_stream_failure(failure, REQUEST_ID))
    events += decoder.close()
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.failure.kind is kind
    assert failed.failure.message == "The upstream broke off."
    finishes = [event for event in events if isinstance(event, Finished)]
    assert all(event.finish.raw == "failed" for event in finishes)
    if protocol is CHAT:
        assert finishes == []
        assert Ended() not in events
        assert b"[DONE]" not in protocol.render_stream_failure(failure, REQUEST_ID)


def stream_events(rendered: bytes) -> list[dict[str, Any]]:
    events = []
    for block in rendered.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def test_a_failed_response_ends_with_the_two_events_that_its_clients_read() -> None:
    """The SDKs read `error`; Codex only `response.failed`, and the wait out of its message."""
    failure = Failure(Kind.RATE_LIMITED, "Too many requests.", retry_after_s=11.2)
    first, second = stream_events(RESPONSES.render_stream_failure(failure, REQUEST_ID))
    said = ResponseErrorEvent.model_validate(first)
    failed = ResponseFailedEvent.model_validate(second)
    assert said.message == "Too many requests. Please try again in 12s."
    assert said.code == "rate_limit_exceeded"
    assert failed.response.status == "failed"
    assert failed.response.error is not None
    assert failed.response.error.code == "rate_limit_exceeded"
    assert failed.response.error.message == said.message
    assert failed.response.usage is None


# ----------------------------------------------------------------------------------------- reading


@BOTH
@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (502, b"", Kind.UPSTREAM, "The upstream answered with status 502."),
        (
            503,
            b"<html><body>nginx at 10.1.2.3</body></html>",
            Kind.UNAVAILABLE,
            "The upstream answered with status 503.",
        ),
        (504, b"upstream request timeout", Kind.TIMEOUT, "The upstream answered with status 504."),
        (500, b'{"error":"it broke"}', Kind.INTERNAL, "it broke"),
        (400, b'{"error":"Bad","message":"The model is bad"}', Kind.INVALID_REQUEST, None),
        (404, b'{"detail":"Not Found"}', Kind.NOT_FOUND, "Not Found"),
        (422, b'{"detail":[{"loc":["x"],"msg":"Required"}]}', Kind.INVALID_REQUEST, "Required"),
        (
            429,
            b'[{"error":{"code":429,"message":"Quota","status":"X"}}]',
            Kind.RATE_LIMITED,
            "Quota",
        ),
        (400, b'{"object":"error","message":"too long","code":400}', Kind.INVALID_REQUEST, None),
        (500, b'{"message":null,"error":null}', Kind.INTERNAL, None),
        (500, b"[]", Kind.INTERNAL, None),
        (500, b"null", Kind.INTERNAL, None),
        (500, b'"just text"', Kind.INTERNAL, "just text"),
        (500, b'{"error":{"message":{"odd":1},"code":[],"param":{}}}', Kind.INTERNAL, None),
        (418, b"{}", Kind.INVALID_REQUEST, None),
        (520, b"{}", Kind.UPSTREAM, None),
        (408, b"{}", Kind.TIMEOUT, None),
        (498, b"{}", Kind.OVERLOADED, None),
    ],
)
def test_any_body_is_read(
    protocol: Protocol, status: int, body: bytes, kind: Kind, message: str | None
) -> None:
    failure = protocol.decode_failure(status, {}, body)
    assert failure.kind is kind
    assert failure.http_status == status
    assert failure.message
    if message is not None:
        assert failure.message == message


@BOTH
@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, Kind.CREDIT),
        (403, {"code": "insufficient_quota"}, Kind.CREDIT),
        (429, {"code": "rate_limit_exceeded", "type": "tokens"}, Kind.RATE_LIMITED),
        (429, {"code": None, "type": "engine_overloaded"}, Kind.OVERLOADED),
        (503, {"code": "server_is_overloaded"}, Kind.OVERLOADED),
        (503, {"code": "slow_down"}, Kind.OVERLOADED),
        (404, {"code": "model_not_found", "type": "invalid_request_error"}, Kind.NOT_FOUND),
        (404, {"code": None, "type": "invalid_request_error"}, Kind.NOT_FOUND),
        (400, {"code": "context_length_exceeded"}, Kind.INVALID_REQUEST),
        (401, {"code": "invalid_api_key", "type": "invalid_request_error"}, Kind.AUTHENTICATION),
        (401, {"code": "model_not_found"}, Kind.AUTHENTICATION),
        (413, {"type": "invalid_request_error"}, Kind.TOO_LARGE),
        (529, {"type": "overloaded_error"}, Kind.OVERLOADED),
    ],
)
def test_a_code_says_more_than_the_status_but_never_against_it(
    protocol: Protocol, status: int, error: dict[str, Any], kind: Kind
) -> None:
    body = json.dumps({"error": {"message": "m"} | error}).encode()
    assert protocol.decode_failure(status, {}, body).kind is kind


@BOTH
@pytest.mark.parametrize(
    ("headers", "message", "wait_s"),
    [
        ({"Retry-After": "20"}, "m", 20.0),
        ({"retry-after": "1.5"}, "m", 1.5),
        ({"retry-after": "20", "retry-after-ms": "1200"}, "m", 1.2),
        (
            {
                "retry-after": "Fri, 21 Nov 2025 10:00:30 GMT",
                "date": "Fri, 21 Nov 2025 10:00:00 GMT",
            },
            "m",
            30.0,
        ),
        ({"retry-after": "Fri, 21 Nov 2025 10:00:30 GMT"}, "m", None),
        ({"retry-after": "soon", "date": "now"}, "Please try again in 6m0s. Visit x", 360.0),
        ({}, "Rate limit reached. Please try again in 86ms. Visit x", 0.086),
        ({}, "Please try again in 1h2m3.5s.", 3723.5),
        ({}, "Please try again in 2 seconds", 2.0),
        ({}, "Please try again in a while", None),
        ({"retry-after": "-1"}, "m", None),
        ({"retry-after": "nan"}, "m", None),
        ({"retry-after": "1e300"}, "m", None),
        ({}, "m", None),
    ],
)
def test_the_wait_is_read_where_it_is_said_and_never_made_up(
    protocol: Protocol, headers: dict[str, str], message: str, wait_s: float | None
) -> None:
    body = json.dumps({"error": {"message": message}}).encode()
    assert protocol.decode_failure(429, headers, body).retry_after_s == wait_s


@BOTH
@pytest.mark.parametrize(
    "secret",
    ["sk-proj-abcdEFGH1234****wxyz", "org-AbCdEf123456", "proj_9fk2lmnop", "AIzaSyD-abc123def456"],
)
def test_credentials_and_accounts_are_struck_out(protocol: Protocol, secret: str) -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {secret}."}}).encode()
    failure = protocol.decode_failure(401, {}, body)
    assert secret not in repr(failure)
    assert failure.message.startswith("Incorrect API key provided: [redacted]")


@BOTH
def test_a_very_long_message_is_cut(protocol: Protocol) -> None:
    body = json.dumps({"error": {"message": "x" * 100_000}}).encode()
    assert len(protocol.decode_failure(400, {}, body).message) == 2_000
