"""Microsoft Entra: access tokens of an application, by the client credentials flow.

One POST and one answer; Microsoft's library for it brings a cache, a broker and a dozen other flows
that are not wanted here.
Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from typing import TYPE_CHECKING, Any

import httpx

from catalog.auth import ENTRA_TOKEN_URL
from extproc.credentials.source import PATIENCE_S, CredentialError, Grant, of_token

if TYPE_CHECKING:
    from catalog import Identity
    from catalog.credentials import EntraClient


class EntraSource:
    def __init__(self, identity: "Identity", client: "EntraClient") -> None:
        self._scope = identity.scope
        self._client = client
        url = identity.token_url or ENTRA_TOKEN_URL
        self._url = url.replace("{tenant}", client.tenant)

    async def fetch(self) -> Grant:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret.get_secret_value(),
            "scope": self._scope,
        }
        try:
            async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
                answer = await client.post(self._url, data=form)
        except httpx.HTTPError as error:
            raise CredentialError(f"no answer: {type(error).__name__}") from None
        told = _json(answer)
        if answer.status_code != 200:
            raise CredentialError(f"status {answer.status_code}{_codes(told)}")
        token, lives_s = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str) or not isinstance(lives_s, int | float):
            raise CredentialError("the token endpoint gave no token")
        return of_token(token, float(lives_s))


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _codes(told: dict[str, Any]) -> str:
    """Entra's numbers for what is wrong, under which its documentation explains it."""
    codes = told.get("error_codes")
    known = (
        [str(code) for code in codes if isinstance(code, int)] if isinstance(codes, list) else []
    )
    return "".join(f", AADSTS{code}" for code in known[:3])
