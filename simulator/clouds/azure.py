"""Azure OpenAI, in its v1 form and by deployments, and Claude in Foundry.

Strict where Azure is: a key in `api-key`, or an Entra token that lives; a dated version where the
deployment stands in the path. A chat stream begins with what the content filter found.
Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

import re
from collections.abc import Callable
from dataclasses import replace

import orjson

from simulator import anthropic, openai
from simulator.call import Call, Endpoint, Refused, Reply, Stream, refused
from simulator.clouds.config import Azure
from simulator.clouds.tokens import TokenBook, bearer
from simulator.script import ErrorSpec
from simulator.sse import data_event

VERSIONS = ("2024-06-01", "2024-10-21", "2025-04-01-preview")
_DEPLOYMENT = re.compile(r"/openai/deployments/(?P<name>[^/]+)/(?P<rest>.+)")
_V1 = re.compile(r"/openai/v1/(?P<rest>.+)")
_FOUNDRY = re.compile(r"/anthropic/v1/(?P<rest>.+)")
_BY_DEPLOYMENT = ("chat/completions", "embeddings", "images/generations", "images/edits")
Route = Callable[[Call, str], Endpoint | None]


def _error(spec: ErrorSpec, request_id: str) -> bytes:
    """Its own refusals have a code and a message alone."""
    if spec.status not in (401, 404):
        return openai.DIALECT.error(spec, request_id)
    body = {"code": spec.code or str(spec.status), "message": spec.message or "Resource not found"}
    return orjson.dumps({"error": body})


DIALECT = replace(
    openai.DIALECT,
    name="azure",
    error=_error,
    headers=lambda call: [
        (b"apim-request-id", call.request_id.encode()),
        (b"x-ms-region", b"Sweden Central"),
        (b"x-ms-deployment-name", call.model.encode()),
    ],
)


def routes(config: Azure, tokens: TokenBook) -> Route:
    """The endpoints, for these keys."""

    def admit(call: Call) -> None:
        token = bearer(dict(call.headers))
        if call.headers.get("api-key") in config.api_keys:
            return
        if token is None:
            said = (
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
                "provide a valid key for an active subscription and use a correct regional API "
                "endpoint for your resource."
            )
            raise refused(401, said)
        if tokens.state(token, "azure") != "live":
            said = (
                "Unauthorized. Access token is missing, invalid, audience is incorrect "
                "(https://cognitiveservices.azure.com), or have expired."
            )
            raise refused(401, said, code="Unauthorized")

    own = {
        rest: _of(found, admit)
        for method, rest, found in openai.ENDPOINTS
        if method == "POST" and "{" not in rest
    }
    claude = {rest: replace(found, admit=admit) for _, rest, found in anthropic.ENDPOINTS}
    nowhere = Endpoint(DIALECT, _nowhere, body="none", admit=admit)

    def route(call: Call, rest: str) -> Endpoint:
        if found := _DEPLOYMENT.fullmatch(rest):
            call.model = found["name"]
            dated = call.query.get("api-version") in VERSIONS
            known = dated and found["rest"] in _BY_DEPLOYMENT
            return own[found["rest"]] if known else nowhere
        if found := _V1.fullmatch(rest):
            return own.get(found["rest"], nowhere)
        if found := _FOUNDRY.fullmatch(rest):
            return claude.get(found["rest"], nowhere)
        return nowhere

    return route


def _nowhere(call: Call) -> Reply:
    raise refused(404, "Resource not found")


def _unknown(call: Call) -> Refused:
    said = "The API deployment for this resource does not exist."
    return refused(404, said, code="DeploymentNotFound")


def _of(found: Endpoint, admit: Callable[[Call], None]) -> Endpoint:
    """An endpoint of OpenAI's with Azure's manners."""

    def answer(call: Call) -> Reply | Stream:
        made = found.answer(call)
        if isinstance(made, Stream) and call.path.endswith("chat/completions"):
            made.events = [_filtered(), *made.events]
        kept = [pair for pair in made.headers if pair[0].startswith((b"content-", b"cache-"))]
        made.headers = [*kept, *DIALECT.headers(call)]
        return made

    manners = replace(DIALECT, unknown_model=_unknown)
    return replace(found, dialect=manners, answer=answer, admit=admit)


def _filtered() -> bytes:
    safe = {"filtered": False, "severity": "safe"}
    results = {name: safe for name in ("hate", "self_harm", "sexual", "violence")}
    prompt = [{"prompt_index": 0, "content_filter_results": results}]
    return data_event(
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": prompt,
        }
    )
