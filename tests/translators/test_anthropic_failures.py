"""Anthropic's errors: read tolerantly, and written so that the vendor's own SDK raises its own
exception."""

import asyncio
from typing import Any

import anthropic
import httpx2
import orjson
import pytest
from anthropic.types.shared import ErrorResponse

from translators.anthropic import PROTOCOL
from translators.canonical.failure import STATUS, Failure, Kind

REQUEST_ID = "req_7f3"
RAISED: dict[Kind, type[anthropic.APIStatusError]] = {
    Kind.INVALID_REQUEST: anthropic.BadRequestError,
    Kind.AUTHENTICATION: anthropic.AuthenticationError,
    Kind.CREDIT: anthropic.PaymentRequiredError,
    Kind.PERMISSION: anthropic.PermissionDeniedError,
    Kind.NOT_FOUND: anthropic.NotFoundError,
    Kind.TIMEOUT: anthropic.GatewayTimeoutError,
    Kind.TOO_LARGE: anthropic.RequestTooLargeError,
    Kind.UPGRADE_REQUIRED: anthropic.APIStatusError,
    Kind.RATE_LIMITED: anthropic.RateLimitError,
    Kind.INTERNAL: anthropic.InternalServerError,
    Kind.UPSTREAM: anthropic.InternalServerError,
    Kind.UNAVAILABLE: anthropic.ServiceUnavailableError,
    Kind.OVERLOADED: anthropic.OverloadedError,
}
ASKED: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
}


def client(answers: list[httpx2.Response], *, max_retries: int = 0) -> anthropic.Anthropic:
    """The vendor's client, given these answers in turn."""
    transport = httpx2.MockTransport(lambda request: answers.pop(0))
    http = httpx2.Client(transport=transport)
    return anthropic.Anthropic(api_key="k", http_client=http, max_retries=max_retries)


def refusal(failure: Failure) -> httpx2.Response:
    return httpx2.Response(
        failure.http_status,
        headers={
            "content-type": "application/json",
            "request-id": REQUEST_ID,
            **PROTOCOL.failure_headers(failure),
        },
        content=PROTOCOL.render_failure(failure, REQUEST_ID),
    )


@pytest.mark.parametrize("kind", Kind)
def test_the_sdk_raises_its_own_exception(kind: Kind) -> None:
    failure = Failure(kind, 'It says "no"\nand é.')
    with pytest.raises(RAISED[kind]) as raised:
        client([refusal(failure)]).messages.create(**ASKED)
    error = raised.value
    assert error.status_code == STATUS[kind]
    assert error.request_id == REQUEST_ID
    assert error.api_message == failure.message
    assert error.type is not None


@pytest.mark.parametrize("kind", Kind)
def test_the_body_is_of_the_documented_shape(kind: Kind) -> None:
    body = orjson.loads(PROTOCOL.render_failure(Failure(kind, "No."), REQUEST_ID))
    assert list(body) == ["type", "error", "request_id"]
    if kind is not Kind.TOO_LARGE:  # documented, but not among the SDK's types
        ErrorResponse.model_validate(body, strict=True)


@pytest.mark.parametrize("kind", Kind)
def test_the_sdk_raises_inside_a_stream(kind: Kind) -> None:
    failure = Failure(kind, 'It says "no"\nand é.')
    start = b'event: ping\ndata: {"type": "ping"}\n\n'
    stream = start + PROTOCOL.render_stream_failure(failure, REQUEST_ID)
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
    with pytest.raises(anthropic.APIStatusError) as raised:
        list(client([answer]).messages.create(**ASKED, stream=True))
    assert raised.value.api_message == failure.message
    assert raised.value.type is not None


def test_the_asynchronous_sdk_raises_inside_a_stream() -> None:
    stream = PROTOCOL.render_stream_failure(Failure(Kind.OVERLOADED, "Later."), REQUEST_ID)

    async def ask() -> None:
        answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
        transport = httpx2.MockTransport(lambda request: answer)
        async with anthropic.AsyncAnthropic(
            api_key="k", http_client=httpx2.AsyncClient(transport=transport), max_retries=0
        ) as asked:
            async for _ in await asked.messages.create(**ASKED, stream=True):
                raise AssertionError("an event that is no error")

    with pytest.raises(anthropic.APIStatusError, match="Later"):
        asyncio.run(ask())


def test_the_sdk_tries_again_only_what_another_try_may_cure() -> None:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 1, "output_tokens": 1}
    done = httpx2.Response(200, json={**message, "stop_reason": "end_turn", "usage": usage})
    slow = refusal(Failure(Kind.RATE_LIMITED, "Slower.", retry_after_s=0.001))
    assert client([slow, done], max_retries=1).messages.create(**ASKED).id == "m"
    with pytest.raises(anthropic.RateLimitError):
        credit = refusal(Failure(Kind.CREDIT, "No credit.", status=429))
        client([credit, done], max_retries=1).messages.create(**ASKED)


def test_a_wait_is_sent_in_whole_seconds_rounded_up() -> None:
    headers = PROTOCOL.failure_headers(Failure(Kind.RATE_LIMITED, "Slower.", retry_after_s=1.2))
    assert headers == {"x-should-retry": "true", "retry-after": "2"}
    assert "retry-after" not in PROTOCOL.failure_headers(Failure(Kind.RATE_LIMITED, "Slower."))
    assert PROTOCOL.failure_headers(Failure(Kind.CREDIT, "No.")) == {"x-should-retry": "false"}


# ------------------------------------------------------------------------------------------ reading


def error(type_: str, message: str) -> bytes:
    return orjson.dumps({"type": "error", "error": {"type": type_, "message": message}})


@pytest.mark.parametrize("kind", Kind)
def test_what_is_written_is_read_again(kind: Kind) -> None:
    """Only that the unavailable is said with the word for the overloaded."""
    body = PROTOCOL.render_failure(Failure(kind, "No."), REQUEST_ID)
    read = Kind.OVERLOADED if kind is Kind.UNAVAILABLE else kind
    seen = PROTOCOL.decode_failure(STATUS[kind], {}, body)
    assert seen == Failure(read, "No.", status=STATUS[kind])


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error("invalid_request_error", "max_tokens: too large"), Kind.INVALID_REQUEST),
        (400, error("invalid_request_error", "Your credit balance is too low to access the "
                    "Anthropic API."), Kind.CREDIT),
        (400, error("invalid_request_error", "You have reached your specified API usage limits."),
         Kind.CREDIT),
        (400, error("invalid_request_error", "This organization has been disabled."),
         Kind.PERMISSION),
        (401, error("authentication_error", "invalid x-api-key"), Kind.AUTHENTICATION),
        (401, error("invalid_request_error", "who?"), Kind.AUTHENTICATION),
        (402, error("billing_error", "pay"), Kind.CREDIT),
        (403, error("permission_error", "no"), Kind.PERMISSION),
        (404, error("not_found_error", "model: x"), Kind.NOT_FOUND),
        (404, error("invalid_request_error", "model: x"), Kind.NOT_FOUND),
        (409, error("conflict_error", "twice"), Kind.INVALID_REQUEST),
        (413, error("request_too_large", "big"), Kind.TOO_LARGE),
        (413, b"<html>413</html>", Kind.TOO_LARGE),
        (422, b'{"detail":"wrong"}', Kind.INVALID_REQUEST),
        (429, error("rate_limit_error", "slow"), Kind.RATE_LIMITED),
        (429, error("invalid_request_error", "slow"), Kind.RATE_LIMITED),
        (500, error("api_error", "oh"), Kind.INTERNAL),
        (500, error("overloaded_error", "oh"), Kind.OVERLOADED),
        (502, b"", Kind.UPSTREAM),
        (503, b"upstream connect error", Kind.UNAVAILABLE),
        (504, error("timeout_error", "slow"), Kind.TIMEOUT),
        (520, b"<html>", Kind.UPSTREAM),
        (529, error("overloaded_error", "Overloaded"), Kind.OVERLOADED),
        (400, b'{"error":"just words"}', Kind.INVALID_REQUEST),
        (400, b"[]", Kind.INVALID_REQUEST),
        (400, b"\xff\xfe", Kind.INVALID_REQUEST),
        (400, b'{"error":null,"message":7}', Kind.INVALID_REQUEST),
    ],
)  # fmt: skip
def test_an_upstreams_error_is_understood(status: int, body: bytes, kind: Kind) -> None:
    failure = PROTOCOL.decode_failure(status, {}, body)
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message


def test_a_message_is_kept_and_a_page_is_not() -> None:
    body = error("invalid_request_error", "messages.0: too long")
    assert PROTOCOL.decode_failure(400, {}, body).message == "messages.0: too long"
    page = b"<html>nginx at 10.2.3.4 internal.example.com</html>"
    assert (
        PROTOCOL.decode_failure(502, {}, page).message == "The upstream answered with status 502."
    )


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-abcdefgh", "AIzaSyA1234567890", "Bearer eyJhbGciOi", "org-abc123def",
        "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "workspace wrkspc_011CZkZaBF1tNoB5",
    ],
)  # fmt: skip
def test_credentials_and_accounts_are_struck_out(secret: str) -> None:
    message = PROTOCOL.decode_failure(400, {}, error("x", f"The key {secret} is wrong")).message
    assert secret.split()[-1] not in message
    assert message.startswith("The key") and message.endswith("is wrong")


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
         30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e12"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_wait_is_the_upstreams_own_and_never_made_up(
    headers: dict[str, str], wait_s: float | None
) -> None:
    assert PROTOCOL.decode_failure(429, headers, b"").retry_after_s == wait_s
