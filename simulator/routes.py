"""Which endpoint a path is. Every provider's natural paths on one root, behind any prefix.

The version segment decides little: what follows it does. So a base URL such as /openai/v1 or
/api/paas/v4 works, as the compatible providers' own do.
"""

import re
from functools import lru_cache
from urllib.parse import unquote

from simulator import anthropic, gemini, openai
from simulator.call import Call, Endpoint, Reply, Stream, refused

_SPLIT = re.compile(
    r"(?P<prefix>.*?)/(?:(?P<version>v\d+\w*)/)?"
    r"(?P<rest>(?:messages|chat/completions|responses|models|images|embeddings)(?:/.*)?)"
)
_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    *anthropic.ENDPOINTS,
    *openai.ENDPOINTS,
)
_EXACT = {(method, rest): endpoint for method, rest, endpoint in _ENDPOINTS if "{" not in rest}
_PATTERNS = [
    (method, re.compile(rest.replace("{id}", "(?P<id>[^/]+)")), endpoint)
    for method, rest, endpoint in _ENDPOINTS
    if "{" in rest
]


def route(call: Call) -> Endpoint:
    """The endpoint of a call; fills `call.model` and `call.action` where the path says them. An
    unknown path is an endpoint too: one that answers 404 in the dialect the path suggests."""
    version, rest = _split(call.path)
    if rest.startswith("models"):
        return _models(call, version, rest.removeprefix("models").removeprefix("/"))
    exact = _EXACT.get((call.method, rest))
    if exact is not None:
        return exact
    for method, pattern, endpoint in _PATTERNS:
        match = pattern.fullmatch(rest) if method == call.method else None
        if match is not None:
            call.action = match["id"]
            return endpoint
    return _nowhere(call, version, rest)


@lru_cache(maxsize=1024)
def _split(path: str) -> tuple[str, str]:
    match = _SPLIT.fullmatch(path)
    return (match["version"] or "", match["rest"]) if match else ("", path)


def _models(call: Call, version: str, name: str) -> Endpoint:
    """GET a list or one, in the shape of whoever asks; POST an action of Gemini's."""
    name = unquote(name)
    if call.method == "POST" and ":" in name:
        call.model, _, call.action = name.rpartition(":")
        return gemini.ACTIONS.get(call.action, gemini.NOT_FOUND)
    if call.method != "GET":
        return _nowhere(call, version, "models")
    call.model = name
    if version == "v1beta" or "x-goog-api-key" in call.headers or "key" in call.query:
        return gemini.MODELS
    return anthropic.MODELS if "anthropic-version" in call.headers else openai.MODELS


def _nowhere(call: Call, version: str, rest: str) -> Endpoint:
    if version == "v1beta":
        return gemini.NOT_FOUND
    suggests_anthropic = rest.startswith("messages") or "anthropic-version" in call.headers
    dialect = anthropic.DIALECT if suggests_anthropic else openai.DIALECT

    def answer(call: Call) -> Reply | Stream:
        raise refused(404, f"Invalid URL ({call.method} {call.path})")

    return Endpoint(dialect, answer, body="none")
