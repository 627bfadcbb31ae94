"""Doors, keys, ids, domains and TLS through the real Envoy, with a plain HTTP client."""

import ssl
from typing import Any

import httpx
import pytest

from tests.e2e.gateway import Gateway, until

pytestmark = pytest.mark.e2e

MESSAGES = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "hello"}],
}
CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
RESPONSES = {"model": "gpt-5", "input": "hello"}
GENERATE = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}

ASKED: list[tuple[str, Any]] = [
    *((f"{p}/v1/messages", MESSAGES) for p in ("", "/api", "/claude", "/anthropic")),
    ("/api/v1/messages/count_tokens", {k: v for k, v in MESSAGES.items() if k != "max_tokens"}),
    *((f"{p}/v1/chat/completions", CHAT) for p in ("", "/openai")),
    *((f"{p}/v1/responses", RESPONSES) for p in ("", "/openai")),
    ("/openai/responses", RESPONSES),
    ("/v1/responses/input_tokens", RESPONSES),
    *(
        (f"{p}/{v}/models/gemini-3-pro:{a}", GENERATE)
        for p in ("", "/gemini")
        for v in ("v1beta", "v1")
        for a in ("generateContent", "streamGenerateContent", "countTokens")
    ),
    ("/gemini/v1beta/models/gemini-embedding-001:embedContent",
     {"content": {"parts": [{"text": "hello"}]}}),
    *((f"{p}/v1/images/generations", {"model": "gpt-image-1", "prompt": "a key"})
      for p in ("", "/openai")),
    *((f"{p}/v1/embeddings", {"model": "text-embedding-3-small", "input": "hello"})
      for p in ("", "/openai")),
]  # fmt: skip


def key_forms(key: str) -> dict[str, tuple[dict[str, str], str]]:
    return {
        "x-api-key": ({"x-api-key": key}, ""),
        "bearer": ({"authorization": f"Bearer {key}"}, ""),
        "x-goog-api-key": ({"x-goog-api-key": key}, ""),
        "query": ({}, f"?key={key}"),
    }


@pytest.mark.parametrize(("path", "body"), ASKED, ids=[path for path, _ in ASKED])
@pytest.mark.parametrize("form", ["x-api-key", "bearer", "x-goog-api-key", "query"])
def test_every_key_form_opens_every_door(shared: Gateway, path: str, body: Any, form: str) -> None:
    headers, query = key_forms(shared.key)[form]
    answer = httpx.post(
        f"{shared.http}{path}{query}",
        json=body,
        headers={"anthropic-version": "2023-06-01", **headers},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-request-id"] == answer.headers["request-id"]
    assert answer.headers["x-clavis-upstream"] in ("anthropic", "openai", "google")
    assert "x-clavis-hint" not in answer.headers


@pytest.mark.parametrize(("path", "body"), ASKED, ids=[path for path, _ in ASKED])
def test_a_right_path_without_a_key_is_401_whatever_the_body(
    shared: Gateway, path: str, body: Any
) -> None:
    for content in (b"", b"{broken", b"\xff\xfe"):
        assert httpx.post(f"{shared.http}{path}", content=content).status_code == 401


@pytest.mark.parametrize("prefix", ["/api", "/claude", "/openai", "/gemini"])
def test_a_bare_prefix_is_404_and_says_the_full_path(shared: Gateway, prefix: str) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{shared.http}{prefix}")
        assert answer.status_code == 404
        assert f"{prefix}/v1" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("//v1/messages", MESSAGES),
        ("/api//v1/messages", MESSAGES),
        ("/v1/v1/messages", MESSAGES),
        ("/v1/messages/v1/messages", MESSAGES),
        ("/v1/chat/completions/chat/completions", CHAT),
        ("/chat/completions", CHAT),
        ("/v1beta/v1beta/models/gemini-3-pro:generateContent", GENERATE),
    ],
)
def test_base_urls_that_are_wrong_in_one_way_are_served_and_explained(
    shared: Gateway, path: str, body: Any
) -> None:
    answer = httpx.post(
        f"{shared.http}{path}",
        json=body,
        headers={"x-api-key": shared.key, "anthropic-version": "2023-06-01"},
    )
    assert answer.status_code == 200, answer.text
    assert "the full path is /" in answer.headers["x-clavis-hint"]


def test_request_ids_are_ours_and_unique(shared: Gateway) -> None:
    headers = {"x-api-key": shared.key, "x-request-id": "chosen-by-the-client"}
    ids = {
        httpx.post(f"{shared.http}/v1/chat/completions", json=CHAT, headers=headers).headers[
            "x-request-id"
        ]
        for _ in range(5)
    }
    assert len(ids) == 5 and "chosen-by-the-client" not in ids


def test_a_websocket_is_answered_426_so_that_codex_falls_back_at_once(shared: Gateway) -> None:
    answer = httpx.get(
        f"{shared.http}/v1/responses",
        headers={
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "L2vOvFury6NHXSQ19EgI9g==",
            "authorization": f"Bearer {shared.key}",
        },
    )
    assert answer.status_code == 426


def test_what_an_upstream_refuses_us_is_not_the_callers_fault(shared: Gateway) -> None:
    answer = httpx.post(
        f"{shared.http}/v1/messages",
        json=MESSAGES | {"model": "our-key-is-wrong"},
        headers={"x-api-key": shared.key, "anthropic-version": "2023-06-01"},
    )
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "api_error"


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("domain", ["api", "us", "eu", "asia", "probe"])
def test_every_domain_serves_the_same_over_tls_with_its_own_certificate(
    shared: Gateway, domain: str, http2: bool
) -> None:
    host = f"{domain}.clavis.localhost"
    port = shared.https.rpartition(":")[2]
    trust = ssl.create_default_context(cafile=str(shared.ca))
    with httpx.Client(verify=trust, http2=http2) as client:
        # The name goes into SNI and is checked; the address is loopback.
        answer = client.post(
            f"https://127.0.0.1:{port}/v1/chat/completions",
            json=CHAT,
            headers={"host": host, "x-api-key": shared.key},
            extensions={"sni_hostname": host},
        )
    assert answer.status_code == 200
    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")


def test_no_secret_reaches_a_log(shared: Gateway) -> None:
    prompt = "the-prompt-that-nobody-may-log"
    body = CHAT | {"messages": [{"role": "user", "content": prompt}]}
    for headers, query in key_forms(shared.key).values():
        url = f"{shared.http}/v1/chat/completions{query}"
        assert httpx.post(url, json=body, headers=headers).status_code == 200
        assert httpx.post(url + "x", json=body, headers=headers).status_code in (401, 404)
    until(lambda: shared.log().count("/v1/chat/completions") >= 8, "the access log")
    log = shared.log()
    for secret in (shared.key, prompt, "sk-upstream-credential-of-the-operator"):
        assert secret not in log


def test_usage_of_an_exchange_is_its_owners_alone(shared: Gateway) -> None:
    answer = httpx.post(
        f"{shared.http}/v1/messages",
        json=MESSAGES,
        headers={"x-api-key": shared.key, "anthropic-version": "2023-06-01"},
    )
    request_id = answer.headers["request-id"]
    usage = shared.usage(request_id)
    told = answer.json()["usage"]
    assert usage["model"] == "claude-sonnet-4-5"
    assert usage["input_tokens"] == told["input_tokens"]
    assert usage["output_tokens"] == told["output_tokens"]
    assert usage["cost_micro"] == int(answer.headers["x-clavis-cost-micro"]) > 0
    other = shared.new_key("another", "--customer", "somebody-else")
    for key, status in ((shared.key, 200), (other, 404), ("sk-nonsense", 401)):
        got = httpx.get(f"{shared.http}/v1/usage/{request_id}", headers={"x-api-key": key})
        assert got.status_code == status


def test_a_disabled_key_is_refused_within_a_second(shared: Gateway) -> None:
    key = shared.new_key("short-lived")
    headers = {"x-api-key": key}
    url = f"{shared.http}/v1/chat/completions"
    assert httpx.post(url, json=CHAT, headers=headers).status_code == 200
    shared.clavis("keys", "disable", "short-lived")
    # The very next request: admission reads the key's facts anew.
    for _ in range(8):  # every worker
        assert httpx.post(url, json=CHAT, headers=headers).status_code == 401


def test_a_keys_networks_hold_on_models_and_usage_too(shared: Gateway) -> None:
    here = shared.new_key("from-here", "--network", "127.0.0.0/8")
    there = shared.new_key("from-there", "--network", "198.51.100.0/24")
    for path in ("/v1/models", "/openai/v1/models", "/gemini/v1beta/models"):
        url = f"{shared.http}{path}"
        assert httpx.get(url, headers={"x-api-key": here}).status_code == 200
        assert httpx.get(url, headers={"x-api-key": there}).status_code == 403
    url = f"{shared.http}/v1/chat/completions"
    assert httpx.post(url, json=CHAT, headers={"x-api-key": here}).status_code == 200
    assert httpx.post(url, json=CHAT, headers={"x-api-key": there}).status_code == 403


def test_the_portals_errors_carry_the_edges_request_id(shared: Gateway) -> None:
    answer = httpx.get(
        f"{shared.http}/anthropic/v1/models/unheard-of", headers={"x-api-key": shared.key}
    )
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["request-id"]


def test_a_body_where_none_belongs_is_no_reason_to_hang(shared: Gateway) -> None:
    for content in (b"{}", iter([b"{", b"}"])):
        answer = httpx.request(
            "GET",
            f"{shared.http}/v1/models",
            content=content,
            headers={"x-api-key": shared.key},
            timeout=4,
        )
        assert answer.status_code == 200


def test_a_path_made_to_be_slow_is_refused_at_once(shared: Gateway) -> None:
    answer = httpx.post(f"{shared.http}{'/v1' * 5000}", timeout=4)
    assert answer.status_code == 404
