"""Google Vertex AI: Claude by rawPredict, and Gemini.

Strict where Vertex is: only a token that lives opens a path, only of a known project; for Claude
the model stands in the path alone and the version in the body, for Gemini every message says its
role. What Google refuses itself comes in Google's shape, what Claude refuses in Anthropic's.
Sources: cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude,
.../docs/model-reference/inference; anthropic 2.11 (lib/vertex).
"""

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

from simulator import anthropic, gemini
from simulator.anthropic import question, validate
from simulator.call import Call, Endpoint, Refused, Reply, Stream, refused
from simulator.clouds.config import Google
from simulator.clouds.tokens import TokenBook, bearer
from simulator.gemini.dialect import STATUSES
from simulator.script import ErrorSpec

VERSION = "vertex-2023-10-16"
KNOWN_BETAS = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2025-01-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "interleaved-thinking-2025-05-14",
        "tool-search-tool-2025-10-19",
        "web-search-2025-03-05",
    }
)
_PATH = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)"
    r"/publishers/(?P<publisher>anthropic|google)/models/(?P<model>[^/:]+):(?P<action>\w+)"
)
_COUNT = "count-tokens"
Route = Callable[[Call, str], Endpoint | None]


def _error(spec: ErrorSpec, request_id: str) -> bytes:
    if spec.type in STATUSES.values():
        return gemini.DIALECT.error(spec, request_id)
    return anthropic.DIALECT.error(spec, f"req_vrtx_{request_id}")


CLAUDE = replace(
    anthropic.DIALECT,
    name="vertex-claude",
    error=_error,
    headers=lambda call: [(b"request-id", b"req_vrtx_" + call.request_id.encode())],
    error_headers=lambda spec: [],
    malformed=lambda call, detail: refused(400, detail, type="INVALID_ARGUMENT"),
    unknown_model=lambda call: _no_model(call),
)


def _no_model(call: Call) -> Refused:
    project = call.path.partition("/projects/")[2].partition("/")[0]
    said = (
        f"Publisher Model `projects/{project}/locations/x/publishers/anthropic/models/"
        f"{call.model}` was not found or your project does not have access to it."
    )
    return refused(404, said, type="NOT_FOUND")


def routes(config: Google, tokens: TokenBook, token_endpoint: Endpoint) -> Route:
    """The endpoints, for these projects."""

    def admit(call: Call) -> None:
        found = _PATH.fullmatch(call.path.removeprefix("/gcp"))
        state = tokens.state(bearer(dict(call.headers)) or "", "gcp")
        if state != "live":
            said = (
                "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                "login cookie or other valid authentication credential."
            )
            code = "ACCESS_TOKEN_EXPIRED" if state == "expired" else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
            raise refused(401, said, type="UNAUTHENTICATED", code=code)
        if found is not None and found["project"] not in config.projects:
            said = (
                "Permission 'aiplatform.endpoints.predict' denied on resource "
                f"'//aiplatform.googleapis.com/projects/{found['project']}' (or it may not exist)."
            )
            raise refused(403, said, type="PERMISSION_DENIED")

    claude = {
        "rawPredict": Endpoint(CLAUDE, _predict, question.last_text, _check, admit=admit),
        "streamRawPredict": Endpoint(CLAUDE, _predict, question.last_text, _check, admit=admit),
    }
    count = Endpoint(CLAUDE, _count, question.last_text, _check_count, admit=admit)
    google = {
        action: replace(gemini.ACTIONS[action], admit=admit, validate=_roles_first(action))
        for action in ("generateContent", "streamGenerateContent", "countTokens")
    }
    nowhere = replace(gemini.NOT_FOUND, admit=admit)

    def route(call: Call, rest: str) -> Endpoint:
        if rest == "/token" and call.method == "POST":
            return token_endpoint
        found = _PATH.fullmatch(rest)
        if found is None or call.method != "POST":
            return nowhere
        if found["publisher"] == "anthropic":
            if found["model"] == _COUNT:
                return count
            call.model = unquote(found["model"])
            return claude.get(found["action"], nowhere)
        call.model, call.action = unquote(found["model"]), found["action"]
        return google.get(call.action, nowhere)

    return route


def _roles_first(action: str) -> Callable[[Call], None]:
    inner = gemini.ACTIONS[action].validate

    def check(call: Call) -> None:
        contents = call.json.get("contents")
        for content in contents if isinstance(contents, list) else [contents]:
            if isinstance(content, dict) and content.get("role") not in ("user", "model"):
                raise refused(400, "Please use a valid role: user, model.")
        if inner is not None:
            inner(call)

    return check


def _flags(call: Call) -> None:
    sent = [flag.strip() for flag in call.headers.get("anthropic-beta", "").split(",")]
    wrong = [flag for flag in sent if flag and flag not in KNOWN_BETAS]
    if wrong:
        said = f"Unexpected value(s) `{'`, `'.join(wrong)}` for the `anthropic-beta` header."
        raise refused(400, f"{said} Please consult our documentation or try again without it.")


def _envelope(call: Call) -> None:
    if call.json.get("anthropic_version") != VERSION:
        said = "Field required" if "anthropic_version" not in call.json else "is not valid"
        raise refused(400, f"anthropic_version: {said}")
    _flags(call)


def _check(call: Call) -> None:
    _envelope(call)
    if "model" in call.json:
        raise refused(400, "model: Extra inputs are not permitted")
    validate.messages(_as_messages(call))


def _as_messages(call: Call) -> Call:
    """The call as it would have come to Anthropic."""
    body = {name: value for name, value in call.json.items() if name != "anthropic_version"}
    name = str(body.get("model", call.model))
    model = name.partition("@")[0]
    headers = {**call.headers, "anthropic-version": "2023-06-01"}
    body["model"] = model
    return Call(
        call.method,
        call.path,
        call.query,
        headers,
        call.body,
        call.request_id,
        body,
        model,
        script=call.script,
    )


def _predict(call: Call) -> Reply | Stream:
    inner = _as_messages(call)
    wants = call.json.get("stream") is True
    if wants is not call.path.endswith(":streamRawPredict"):
        raise refused(400, "The request's stream does not fit its method.", type="INVALID_ARGUMENT")
    made = anthropic.ENDPOINTS[0][2].answer(inner)
    kind = b"text/event-stream; charset=utf-8" if wants else b"application/json"
    made.headers = [(b"content-type", kind), *CLAUDE.headers(call)]
    return made


def _check_count(call: Call) -> None:
    _envelope(call)
    if not isinstance(call.json.get("model"), str):
        raise refused(400, "model: Field required")
    validate.count_tokens(_as_messages(call))


def _count(call: Call) -> Reply:
    made = anthropic.ENDPOINTS[1][2].answer(_as_messages(call))
    assert isinstance(made, Reply)
    return made
