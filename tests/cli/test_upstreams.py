"""`clavis upstreams`: what is wrong with an upstream is said in words, with real servers: the
simulator as a process, nobody, and servers that speak TLS."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog import parse
from tests.cli.running import Run, answer, runner
from tests.e2e.authority import Authority, Signed
from tests.e2e.gateway import free_port
from tests.simulator.running import KEY, Running, running

CATALOG = """\
version: 1
providers:
  claude: {preset: anthropic, base_url: "${SIM}", prices: anthropic}
  gpt: {preset: openai, base_url: "${SIM}", prices: openai}
  google: {preset: google, base_url: "${SIM}", prices: google}
  groq: {preset: groq, base_url: "${SIM}", prices: none}
  deep: {base_url: "${SIM}/v1", surfaces: {openai_chat: /chat/completions}, prices: none}
  nobody: {preset: ollama, base_url: "http://127.0.0.1:${CLOSED}"}
  nowhere: {preset: ollama, base_url: "http://no-such-host.invalid"}
  no-tls: {preset: groq, base_url: "https://127.0.0.1:${PORT}"}
  tls: {preset: ollama, base_url: "${TLS:-https://127.0.0.1:1}"}
  trusted:
    preset: ollama
    base_url: "${TLS:-https://127.0.0.1:1}"
    tls: {ca_file: "${CA:-none.pem}", server_name: up.example.com}
accounts:
  claude-1: {provider: claude, credential: "${KEY}"}
  gpt-1: {provider: gpt, credential: "${KEY}"}
  gpt-wrong: {provider: gpt, pool: wrong, credential: hush-hush-hush-hush}
  google-1: {provider: google, credential: "${KEY}"}
  google-wrong: {provider: google, pool: wrong, credential: hush-hush-hush-hush}
  groq-1: {provider: groq, credential: "${KEY}"}
  deep-1: {provider: deep, credential: "${KEY}"}
  no-tls-1: {provider: no-tls, credential: "${KEY}"}
  spare: {provider: groq, credential: "${NOT_SET}", optional: true}
models:
- {name: dear, targets: [{provider: claude, model: claude-opus-4-1}]}
- {name: cheap, targets: [{provider: claude, model: claude-haiku-4-5}]}
- {name: "gpt-*", targets: [{provider: gpt}]}
- {name: embedder, kinds: [embedding], targets: [{provider: gpt, model: text-embedding-3-small}]}
- {name: flash, targets: [{provider: google, model: gemini-2.5-flash}]}
- {name: oss, targets: [{provider: groq, model: gpt-oss}]}
- {name: deep, targets: [{provider: deep}]}
"""


@pytest.fixture(scope="module")
def sim() -> Iterator[Running]:
    with running("--api-key", KEY) as process:
        yield process


@pytest.fixture
def run(sim: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for path in ("requests", "scripts"):
        httpx.delete(f"{sim.url}/_sim/{path}")
    port = sim.url.rpartition(":")[2]
    for name, value in {
        "SIM": sim.url,
        "PORT": port,
        "KEY": KEY,
        "CLOSED": str(free_port()),
    }.items():
        monkeypatch.setenv(name, value)
    return runner(tmp_path, CATALOG, monkeypatch)


def findings(run: Run, name: str, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """What was found by step, of one account. The key is in none of it."""
    result = run("upstreams", "test", name, *words, "--json")
    assert KEY not in result.output and "hush-hush" not in result.output
    said = answer(result, code)
    assert said["ok"] is (code == 0)
    [found] = said["accounts"].values()
    people = run("upstreams", "test", name, *words)
    assert people.exit_code == code
    assert KEY not in people.output and "hush-hush" not in people.output
    return {finding["step"]: finding for finding in found}


def verdicts(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {step: finding["verdict"] for step, finding in found.items()}


def test_all_is_well_and_the_cheapest_model_is_asked_for_one_token(run: Run, sim: Running) -> None:
    found = findings(run, "claude")
    assert verdicts(found) == {"model list": "ok", "anthropic": "ok"}
    assert found["model list"]["words"] == "4 models."
    assert found["anthropic"]["model"] == "claude-haiku-4-5"
    asked = sim.received(model="claude-haiku-4-5")[0]
    assert asked["body"]["max_tokens"] == 1
    headers = dict(asked["headers"])
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["x-api-key"].startswith("sha256:")


def test_every_surface_is_asked_in_its_own_protocol_but_for_images(run: Run, sim: Running) -> None:
    found = findings(run, "gpt-1")
    assert verdicts(found) == {
        "model list": "ok",
        "openai_responses": "ok",
        "openai_chat": "ok",
        "openai_images": "skipped",
        "openai_embeddings": "ok",
    }
    # the catalog has a pattern alone: the cheapest of those that the provider lists
    assert found["openai_chat"]["model"] == "gpt-4.1-mini"
    assert found["openai_embeddings"]["model"] == "text-embedding-3-small"
    assert verdicts(findings(run, "google-1")) == {
        "model list": "ok",
        "gemini": "ok",
        "gemini_embeddings": "skipped",
    }


@pytest.mark.parametrize("account", ["gpt-wrong", "google-wrong"])
def test_a_wrong_key_is_told_and_nothing_else_is_asked(run: Run, account: str) -> None:
    found = findings(run, account, code=4)
    assert verdicts(found) == {"model list": "wrong_key"}
    assert "key is not accepted" in found["model list"]["words"]


def test_a_base_path_that_holds_the_whole_endpoint(run: Run) -> None:
    found = findings(run, "deep", code=6)
    assert verdicts(found) == {"model list": "wrong_path", "openai_chat": "wrong_path"}
    assert "is the base URL or base path right?" in found["openai_chat"]["words"]
    assert found["openai_chat"]["url"].endswith("/v1/chat/completions/chat/completions")


def test_nobody_listens_and_no_such_host(run: Run) -> None:
    found = findings(run, "nobody", code=3)
    assert verdicts(found) == {"model list": "connection_refused"}
    assert "Nobody listens at 127.0.0.1:" in found["model list"]["words"]
    found = findings(run, "nowhere", code=3)
    assert verdicts(found) == {"model list": "dns"}
    assert "DNS knows no no-such-host.invalid" in found["model list"]["words"]


def test_a_server_without_tls_is_told_from_one_with_a_strange_certificate(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = findings(run, "no-tls", code=3)
    assert verdicts(found) == {"model list": "not_tls"}
    assert "Is it http://?" in found["model list"]["words"]
    authority = Authority(tmp_path / "authority")
    with tls_server(authority.sign("up.example.com")) as port:
        monkeypatch.setenv("TLS", f"https://127.0.0.1:{port}")
        monkeypatch.setenv("CA", str(authority.ca))
        found = findings(run, "tls", code=3)
        assert verdicts(found) == {"model list": "tls"}
        assert "certificate is not accepted" in found["model list"]["words"]
        found = findings(run, "trusted")  # the authority and the name are declared
        assert verdicts(found)["model list"] == "ok"


def test_an_authority_that_cannot_be_read_is_said(run: Run) -> None:
    result = run("upstreams", "test", "trusted")
    assert result.exit_code == 1
    assert "tls.ca_file none.pem cannot be used" in result.stderr


SAYS: list[tuple[dict[str, Any], str, int]] = [
    ({"error": {"status": 402, "message": "Insufficient balance"}}, "no_credit", 5),
    (
        {"error": {"status": 429, "code": "insufficient_quota", "type": "insufficient_quota"}},
        "no_credit",
        5,
    ),
    ({"error": {"status": 429}}, "rate_limited", 5),
    ({"error": {"status": 403}}, "forbidden", 4),
    ({"error": {"status": 500}}, "upstream_error", 7),
    ({"error": {"status": 404, "code": "model_not_found"}}, "unknown_model", 6),
    (
        {"error": {"status": 400, "message": "The model `gpt-oss` does not exist"}},
        "unknown_model",
        6,
    ),
    ({"error": {"status": 400, "message": "n must be 1"}}, "request_refused", 6),
    ({"html": True}, "wrong_protocol", 6),
    (
        {"raw": {"status": 200, "content_type": "application/json", "body": '{"a": 1}'}},
        "wrong_protocol",
        6,
    ),
    (
        {
            "raw": {
                "status": 200,
                "content_type": "application/json",
                "body": '{"error": {"code": "1113", "message": "Insufficient"}}',
            }
        },
        "no_credit",
        5,
    ),
    ({"raw": {"status": 307, "headers": {"location": "/x"}, "body": ""}}, "wrong_path", 6),
]


@pytest.mark.parametrize(("script", "verdict", "code"), SAYS, ids=lambda v: str(v)[:40])
def test_what_a_provider_says_is_read(
    run: Run, sim: Running, script: dict[str, Any], verdict: str, code: int
) -> None:
    sim.queue(script, match={"path": "*/chat/completions"}, repeat=True)
    found = findings(run, "groq", code=code)
    assert verdicts(found)["openai_chat"] == verdict
    assert verdicts(found)["model list"] == "ok"


def test_an_unknown_model_a_slow_one_and_one_that_never_answers(run: Run) -> None:
    found = findings(run, "groq", "--model", "sim-unknown", code=6)
    assert verdicts(found)["openai_chat"] == "unknown_model"
    found = findings(run, "groq", "--model", "sim-slow-300", "--slow-s", "0.2")
    assert verdicts(found)["openai_chat"] == "slow"
    found = findings(run, "groq", "--model", "sim-slow-headers-3000", "--timeout-s", "0.3", code=3)
    assert verdicts(found)["openai_chat"] == "timeout"


def test_a_provider_without_a_list_is_well_when_it_answers(run: Run, sim: Running) -> None:
    sim.queue({"error": {"status": 404}}, match={"path": "*/models"}, repeat=True)
    found = findings(run, "groq")
    assert verdicts(found)["model list"] == "skipped"
    assert "models_path" in found["model list"]["words"]


def test_all_accounts_of_a_provider_are_tried(run: Run) -> None:
    said = answer(run("upstreams", "test", "gpt", "--json"), 4)
    assert {name: found[0]["verdict"] for name, found in said["accounts"].items()} == {
        "gpt-1": "ok",
        "gpt-wrong": "wrong_key",
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [("gpt-2", "did you mean 'gpt-1'?"), ("spare", "left out: NOT_SET is not set")],
)
def test_a_name_that_is_none_is_explained(run: Run, name: str, said: str) -> None:
    result = run("upstreams", "test", name)
    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr


# ----------------------------------------------------------------------------------- model lists


def listed(run: Run, name: str, *words: str) -> dict[str, list[str]]:
    said = answer(run("upstreams", "models", name, *words, "--json"))
    return {one["id"]: one["served_as"] for one in said["models"]}


def test_listed_models_are_marked_with_the_names_they_are_served_as(run: Run) -> None:
    assert listed(run, "claude") == {
        "claude-opus-5-5": [],
        "claude-sonnet-5-5": [],
        "claude-haiku-4-5": ["cheap"],
        "claude-sonnet-4-5": [],
    }
    assert listed(run, "gpt-1", "--only", "gpt-4*", "--only", "text-*") == {
        "gpt-4.1-mini": ["gpt-4.1-mini"],
        "text-embedding-3-small": ["embedder"],
    }
    assert listed(run, "google")["gemini-2.5-flash"] == ["flash"]
    people = run("upstreams", "models", "claude").stdout
    assert "Claude Opus 5 5" in people and "cheap" in people


def test_models_are_added_to_the_catalog_file_as_it_was(run: Run, tmp_path: Path) -> None:
    said = answer(run("upstreams", "models", "google-1", "--add", "--json"))
    assert said["added"] == ["gemini-3.1-pro-preview", "gemini-embedding-001"]
    text = (tmp_path / "catalog.yaml").read_text()
    assert text.startswith(CATALOG)
    environment = {"SIM": "http://sim", "PORT": "1", "CLOSED": "1", "KEY": "k"}
    loaded = parse(text, environment)
    assert loaded.surfaces_of("gemini-embedding-001") == ("gemini_embeddings",)
    assert answer(run("upstreams", "models", "google-1", "--add", "--json"))["added"] == []
    assert (tmp_path / "catalog.yaml").read_text() == text


def test_a_name_that_the_catalog_answers_elsewhere_is_not_taken_from_it(
    run: Run, tmp_path: Path
) -> None:
    """An exact name goes before a pattern: adding it would move requests to another provider."""
    said = answer(run("upstreams", "models", "groq", "--only", "gpt-*", "--add", "--json"))
    assert said["added"] == []
    assert "gpt-4.1-mini" in said["taken"]
    assert (tmp_path / "catalog.yaml").read_text() == CATALOG


DIALECTS: dict[str, tuple[str, list[str]]] = {
    "Together": ('[{"id": "a/b"}, {"id": "c"}]', ["a/b", "c"]),
    "Ollama": ('{"models": [{"name": "llama:8b", "model": "llama:8b"}]}', ["llama:8b"]),
    "Cloudflare": (
        '{"result": [{"id": "9f", "name": "@cf/meta/llama"}], "success": true}',
        ["@cf/meta/llama"],
    ),
    "Cohere": ('{"models": [{"name": "command"}], "next_page_token": ""}', ["command"]),
    "Gemini": ('{"models": [{"name": "models/gemini-x"}]}', ["gemini-x"]),
    "with things that are no models": ('{"data": [{"id": "a"}, 7, {}, {"id": 5}]}', ["a"]),
    "empty": ('{"data": []}', []),
}


@pytest.mark.parametrize(("body", "ids"), DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_of_a_list_is_read(run: Run, sim: Running, body: str, ids: list[str]) -> None:
    raw = {"status": 200, "content_type": "application/json", "body": body}
    sim.queue({"raw": raw}, match={"path": "*/models"})
    assert list(listed(run, "groq")) == ids


def pages(sim: Running, *bodies: dict[str, Any]) -> None:
    scripts = [
        {"raw": {"status": 200, "content_type": "application/json", "body": json.dumps(body)}}
        for body in bodies
    ]
    sim.queue(*scripts, match={"path": "*/models"}, repeat=True)


def test_pages_are_followed_to_the_end_and_not_round_in_circles(run: Run, sim: Running) -> None:
    pages(
        sim,
        {"data": [{"id": "a"}], "has_more": True, "last_id": "a"},
        {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
    )
    assert list(listed(run, "claude")) == ["a", "b"]
    queries = [dict(one["query"]) for one in sim.received() if one["path"].endswith("/models")]
    assert queries == [{"limit": "1000"}, {"limit": "1000", "after_id": "a"}]


def test_a_list_that_names_its_own_page_again_ends(run: Run, sim: Running) -> None:
    pages(sim, {"models": [{"name": "models/a"}], "nextPageToken": "t"})
    assert list(listed(run, "google")) == ["a"]
    assert len([one for one in sim.received() if one["path"].endswith("/models")]) == 2


def test_no_list_is_said_with_its_reason_and_its_code(run: Run) -> None:
    result = run("upstreams", "models", "gpt-wrong", "--json")
    said = answer(result, 4)["error"]
    assert said["details"][0].startswith("The key is not accepted.")
    assert "hush-hush" not in result.output


# -------------------------------------------------------------------------------------- servers


@contextmanager
def tls_server(signed: Signed) -> Iterator[int]:
    """A server that speaks TLS with this certificate and has one model."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.chain, signed.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                _answer(context, listener.accept()[0])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def _answer(context: ssl.SSLContext, connection: socket.socket) -> None:
    body = b'{"object": "list", "data": [{"id": "one"}]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
    with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
        secure.recv(65536)
        secure.sendall(head + b"content-length: %d\r\n\r\n%s" % (len(body), body))
