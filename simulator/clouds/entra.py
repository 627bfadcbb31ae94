"""Microsoft Entra's token endpoint: an application's secret for an access token.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import orjson

from simulator.call import Call, Endpoint, Refused, Reply, refused
from simulator.clouds.config import EntraApplication
from simulator.clouds.oauth import dialect
from simulator.clouds.tokens import TokenBook

SCOPES = ("https://cognitiveservices.azure.com/.default", "https://ai.azure.com/.default")
_PATH = re.compile(r"/(?P<tenant>[^/]+)/oauth2/v2\.0/token")


def routes(
    applications: tuple[EntraApplication, ...], tokens: TokenBook
) -> Callable[[Call, str], Endpoint | None]:
    """POST /{tenant}/oauth2/v2.0/token."""
    known = {(app.tenant, app.client_id): app.client_secret for app in applications}
    tenants = {app.tenant for app in applications}

    def answer(call: Call) -> Reply:
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        found = _PATH.fullmatch(call.path.removeprefix("/entra"))
        if found is None or found["tenant"] not in tenants:
            raise _wrong(400, "invalid_request", 90002, "Tenant not found.")
        if form.get("grant_type") != "client_credentials":
            raise _wrong(400, "unsupported_grant_type", 70003, "The grant is not supported.")
        secret = known.get((found["tenant"], form.get("client_id", "")))
        if secret is None:
            raise _wrong(400, "unauthorized_client", 700016, "Application was not found.")
        if form.get("client_secret") != secret:
            raise _wrong(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if form.get("scope") not in SCOPES:
            raise _wrong(400, "invalid_scope", 1002012, "The scope is not valid.")
        life = int(tokens.ttl_s)
        body = {
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": tokens.issue("eyJ0eXAi.", "azure"),
        }
        headers = [(b"content-type", b"application/json; charset=utf-8")]
        return Reply(200, headers, orjson.dumps(body))

    made = Endpoint(dialect("entra"), answer, body="none", admit=lambda call: None)
    return lambda call, rest: made


def _wrong(status: int, error: str, number: int, message: str) -> Refused:
    said = f"AADSTS{number}: {message} Trace ID: 0f3b6a1e-5a77-4a3c-9c1d-51a1a7e00001"
    return refused(status, said, type=error, code=str(number))
