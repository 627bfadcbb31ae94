"""Google: access tokens of a service account, by google-auth.

The library signs the assertion and knows every other kind of credential that a machine may have; it
is imported when the first such account is kept, and works in a thread. Its HTTP goes through httpx,
which the other sources use too.
Source: https://developers.google.com/identity/protocols/oauth2/service-account
"""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from extproc.credentials.source import PATIENCE_S, CredentialError, Grant, of_token

if TYPE_CHECKING:
    from catalog import Identity
    from catalog.credentials import GoogleKey

_WORD = re.compile(r"[a-z_]{1,40}")


class GoogleSource:
    """A key of the catalog, a key file, or what this machine has."""

    def __init__(self, identity: "Identity", key: "GoogleKey") -> None:
        self._identity = identity
        self._key = key

    async def fetch(self) -> Grant:
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Grant:
        from google.auth.exceptions import GoogleAuthError

        try:
            credentials = self._credentials()
            with httpx.Client(timeout=PATIENCE_S) as client:
                credentials.refresh(_Transport(client))
        except GoogleAuthError as error:
            raise CredentialError(f"{type(error).__name__}{_word(error)}") from None
        except (OSError, ValueError, KeyError) as error:
            raise CredentialError(f"the key cannot be used: {type(error).__name__}") from None
        if not credentials.token or credentials.expiry is None:
            raise CredentialError("the token endpoint gave no token")
        lives = credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)
        return of_token(credentials.token, max(lives.total_seconds(), 0.0))

    def _credentials(self) -> Any:
        """New ones each time: a key file may have been replaced."""
        scopes = [self._identity.scope]
        if self._key.default_chain:
            import google.auth

            found, _ = google.auth.default(scopes=scopes)
            return found
        from google.oauth2 import service_account

        info = self._info()
        if self._identity.token_url is not None:
            info["token_uri"] = self._identity.token_url
        made: Any = service_account.Credentials  # the library has no types
        return made.from_service_account_info(info, scopes=scopes)

    def _info(self) -> dict[str, Any]:
        if self._key.key is not None:
            text = self._key.key.get_secret_value()
        else:
            assert self._key.key_file is not None
            text = Path(self._key.key_file).read_text("utf-8")
        info: dict[str, Any] = json.loads(text)
        return info


def _word(error: Exception) -> str:
    """OAuth's own word for what is wrong, where the answer had one: invalid_grant and the like."""
    told = error.args[1] if len(error.args) > 1 else None
    word = told.get("error") if isinstance(told, dict) else None
    return f" ({word})" if isinstance(word, str) and _WORD.fullmatch(word) else ""


class _Answer:
    """google.auth.transport.Response."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.headers: Mapping[str, str] = answer.headers
        self.data = answer.content


class _Transport:
    """google.auth.transport.Request by httpx."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: object,
    ) -> _Answer:
        from google.auth.exceptions import TransportError

        try:
            return _Answer(
                self._client.request(
                    method,
                    url,
                    content=body,
                    headers=dict(headers or {}),
                    timeout=timeout or PATIENCE_S,
                )
            )
        except httpx.HTTPError as error:
            failed: Any = TransportError
            raise failed(type(error).__name__) from None
