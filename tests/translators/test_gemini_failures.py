"""Google's errors: read tolerantly, and written so that the vendor's own SDK raises its own
exception."""

import asyncio

import httpx
import orjson
import pytest
from google import genai
from google.genai import errors, types

from translators.canonical.failure import STATUS, Failure, Kind
from translators.gemini import PROTOCOL

REQUEST_ID = "req_7f3"


def client(answer: httpx.Response) -> genai.Client:
    """The vendor's client, given this answer."""
    transport = httpx.MockTransport(lambda request: answer)
    options = types.HttpOptions(
        base_url="http://gateway",
        httpx_client=httpx.Client(transport=transport),
        httpx_async_client=httpx.AsyncClient(transport=transport),
    )
    return genai.Client(api_key="k", http_options=options)


def refusal(failure: Failure) -> httpx.Response:
    return httpx.Response(
        failure.http_status,
        headers={"content-type": "application/json", **PROTOCOL.failure_headers(failure)},
        content=PROTOCOL.render_failure(failure, REQUEST_ID),
    )


def broken_off(failure: Failure) -> httpx.Response:
    chunk = b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}\n\n'
    return httpx.Response(
        200,
        headers={"content-type": "text/event-stream"},
        content=chunk + PROTOCOL.render_stream_failure(failure, REQUEST_ID),
    )


def exception(kind: Kind) -> type[errors.APIError]:
    return errors.ClientError if STATUS[kind] < 500 else errors.ServerError


@pytest.mark.parametrize("kind", Kind)
def test_the_sdk_raises_its_own_exception(kind: Kind) -> None:
    failure = Failure(kind, 'It says "no"\nand é.', param="contents", retry_after_s=1.5)
    with pytest.raises(exception(kind)) as raised:
        client(refusal(failure)).models.generate_content(model="m", contents="Hi")
    error = raised.value
    assert (error.code, error.message) == (STATUS[kind], failure.message)
    assert error.status is not None and error.status.isupper()


@pytest.mark.parametrize("kind", Kind)
def test_the_sdk_raises_inside_a_stream(kind: Kind) -> None:
    failure = Failure(kind, 'It says "no"\nand é.')
    with pytest.raises(exception(kind)) as raised:
        list(client(broken_off(failure)).models.generate_content_stream(model="m", contents="Hi"))
    assert (raised.value.code, raised.value.message) == (STATUS[kind], failure.message)


def test_the_asynchronous_sdk_raises_inside_a_stream() -> None:
    texts: list[str | None] = []

    async def ask() -> None:
        models = client(broken_off(Failure(Kind.UPSTREAM, "Broke."))).aio.models
        async for chunk in await models.generate_content_stream(model="m", contents="Hi"):
            texts.append(chunk.text)

    with pytest.raises(errors.ServerError, match="Broke"):
        asyncio.run(ask())
    assert texts == ["Hi"], "what came before the error was seen"


def test_details_are_typed_as_google_types_them() -> None:
    failure = Failure(Kind.RATE_LIMITED, "Slower.", param="model", retry_after_s=1.2)
    error = orjson.loads(PROTOCOL.render_failure(failure, REQUEST_ID))["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert {detail["@type"].rpartition(".")[2]: detail for detail in error["details"]} == {
        "RequestInfo": {
            "@type": "type.googleapis.com/google.rpc.RequestInfo",
            "requestId": REQUEST_ID,
        },
        "RetryInfo": {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"},
        "BadRequest": {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "model", "description": "Slower."}],
        },
    }
    assert PROTOCOL.failure_headers(failure) == {"retry-after": "2"}
    assert PROTOCOL.failure_headers(Failure(Kind.RATE_LIMITED, "Slower.")) == {}


# ------------------------------------------------------------------------------------------ reading


def error(code: int, status: str, message: str, *details: dict[str, object]) -> bytes:
    inside = {"code": code, "message": message, "status": status, "details": list(details)}
    return orjson.dumps({"error": inside})


def info(reason: str) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}


def retry(delay: object) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


@pytest.mark.parametrize("kind", Kind)
def test_what_is_written_is_read_again(kind: Kind) -> None:
    """Only that UNAVAILABLE is what it says, whoever said it."""
    body = PROTOCOL.render_failure(Failure(kind, "No."), REQUEST_ID)
    read = Kind.UNAVAILABLE if kind is Kind.UPSTREAM else kind
    seen = PROTOCOL.decode_failure(STATUS[kind], {}, body)
    assert seen == Failure(read, "No.", status=STATUS[kind])


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error(400, "INVALID_ARGUMENT", "contents is not specified"), Kind.INVALID_REQUEST),
        (400, error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
                    info("API_KEY_INVALID")), Kind.AUTHENTICATION),
        (400, error(400, "INVALID_ARGUMENT", "API key not valid."), Kind.AUTHENTICATION),
        (400, error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
         Kind.PERMISSION),
        (400, error(400, "FAILED_PRECONDITION", "The file is not in an ACTIVE state."),
         Kind.INVALID_REQUEST),
        (401, error(401, "UNAUTHENTICATED", "who?"), Kind.AUTHENTICATION),
        (403, error(403, "PERMISSION_DENIED", "no"), Kind.PERMISSION),
        (403, error(403, "PERMISSION_DENIED", "billing", info("BILLING_DISABLED")), Kind.CREDIT),
        (404, error(404, "NOT_FOUND", "models/x is not found"), Kind.NOT_FOUND),
        (429, error(429, "RESOURCE_EXHAUSTED", "quota"), Kind.RATE_LIMITED),
        (429, b"[" + error(429, "RESOURCE_EXHAUSTED", "quota") + b"]", Kind.RATE_LIMITED),
        (499, error(499, "CANCELLED", "gone"), Kind.UPSTREAM),
        (500, error(500, "INTERNAL", "oh"), Kind.INTERNAL),
        (500, error(500, "UNKNOWN", "oh"), Kind.INTERNAL),
        (503, error(503, "UNAVAILABLE", "down"), Kind.UNAVAILABLE),
        (503, error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
         Kind.OVERLOADED),
        (504, error(504, "DEADLINE_EXCEEDED", "slow"), Kind.TIMEOUT),
        (500, error(500, "INVALID_ARGUMENT", "contradiction"), Kind.INTERNAL),
        (413, b"<html>413</html>", Kind.TOO_LARGE),
        (502, b"", Kind.UPSTREAM),
        (400, b'{"error":"just words"}', Kind.INVALID_REQUEST),
        (400, b"[]", Kind.INVALID_REQUEST),
        (400, b'{"error":{"message":7,"details":{"a":1},"status":[]}}', Kind.INVALID_REQUEST),
        (400, b'{"error":{"details":[1,{"@type":7,"reason":8}]}}', Kind.INVALID_REQUEST),
    ],
)  # fmt: skip
def test_an_upstreams_error_is_understood(status: int, body: bytes, kind: Kind) -> None:
    failure = PROTOCOL.decode_failure(status, {}, body)
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message


@pytest.mark.parametrize(
    ("headers", "delay", "wait_s"),
    [
        ({}, "34.074824224s", 34.074824224),
        ({}, "0s", 0.0),
        ({"retry-after": "7"}, "34s", 7.0),
        ({}, "soon", None),
        ({}, "99999999999999s", None),
        ({}, "999999999s", 30 * 86_400.0),
        ({}, {"seconds": 3}, None),
        ({}, None, None),
    ],
)
def test_the_wait_is_the_upstreams_own(
    headers: dict[str, str], delay: object, wait_s: float | None
) -> None:
    body = error(429, "RESOURCE_EXHAUSTED", "quota", info("RATE_LIMIT_EXCEEDED"), retry(delay))
    failure = PROTOCOL.decode_failure(429, headers, body)
    assert failure.retry_after_s == wait_s
    assert failure.code == "RATE_LIMIT_EXCEEDED"
