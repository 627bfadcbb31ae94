"""The providers' stand-in, asked in process: would it take this request?

The simulator shares no code with the translators, so a mistake that both halves of a translator
make is seen here.
"""

from urllib.parse import parse_qsl

from simulator.body import read_body
from simulator.call import Call, Refused
from simulator.routes import route

HEADERS = {
    "anthropic": {"x-api-key": "k", "anthropic-version": "2023-06-01"},
    "gemini": {"x-goog-api-key": "k"},
    "openai_chat": {"authorization": "Bearer k"},
    "openai_responses": {"authorization": "Bearer k"},
}
VERSIONS = {"gemini": "/v1beta"}


def refusal(protocol: str, path: str, body: bytes) -> str | None:
    """What the provider says against a request; None where it would answer. `path` begins after
    the version."""
    whole = VERSIONS.get(protocol, "/v1") + path
    plain, _, query = whole.partition("?")
    headers = {"content-type": "application/json", **HEADERS[protocol]}
    call = Call("POST", plain, dict(parse_qsl(query)), headers, body, "req_1")
    endpoint = route(call)
    assert endpoint.dialect.name.startswith(protocol.split("_")[0]), f"{path} leads elsewhere"
    assert endpoint.validate is not None, f"{path} is not an address of requests"
    try:
        read_body(call, endpoint)
        endpoint.validate(call)
    except Refused as refused:
        return refused.spec.message or "refused"
    return None
