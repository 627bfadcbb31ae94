"""Google's token endpoint: a service account's signed assertion for an access token.

The assertion is checked as Google does: the key that signed it, whose it is, whom it is for, when.
Source: https://developers.google.com/identity/protocols/oauth2/service-account
"""

import base64
import binascii
import time
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from simulator.call import Call, Endpoint, Refused, Reply, refused
from simulator.clouds.config import Google
from simulator.clouds.oauth import dialect
from simulator.clouds.tokens import TokenBook

AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_SKEW_S = 300
MAX_LIFE_S = 3600


def endpoint(config: Google, tokens: TokenBook) -> Endpoint:
    """POST /token."""
    accounts = {account.private_key_id: account for account in config.accounts}
    keys = {kid: _public(account.public_key) for kid, account in accounts.items()}

    def answer(call: Call) -> Reply:
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        if form.get("grant_type") != GRANT:
            raise _wrong("unsupported_grant_type", "Invalid grant_type")
        head, claims, signed, signature = _taken_apart(form.get("assertion", ""))
        key = keys.get(head.get("kid", ""))
        if key is None or head.get("alg") != "RS256":
            raise _wrong("invalid_grant", "Invalid JWT Signature.")
        try:
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise _wrong("invalid_grant", "Invalid JWT Signature.") from None
        _check(claims, accounts[head["kid"]].client_email)
        body = {
            "access_token": tokens.issue("ya29.c.", "gcp"),
            "expires_in": int(tokens.ttl_s),
            "token_type": "Bearer",
        }
        return Reply(200, [(b"content-type", b"application/json")], orjson.dumps(body))

    return Endpoint(dialect("google-tokens"), answer, body="none", admit=lambda call: None)


def _public(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey)
    return key


def _taken_apart(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    try:
        head, claims, signature = assertion.split(".")
        parsed = [orjson.loads(_decoded(part)) for part in (head, claims)]
        return parsed[0], parsed[1], f"{head}.{claims}".encode(), _decoded(signature)
    except (ValueError, binascii.Error):
        raise _wrong("invalid_grant", "Bad Request") from None


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _check(claims: dict[str, Any], email: str) -> None:
    now, starts, ends = time.time(), claims.get("iat"), claims.get("exp")
    if claims.get("iss") != email:
        raise _wrong("invalid_grant", "Invalid grant: account not found")
    if claims.get("aud") != AUDIENCE:
        raise _wrong("invalid_grant", "Failed audience check.")
    if not isinstance(starts, int) or not isinstance(ends, int) or ends - starts > MAX_LIFE_S:
        raise _wrong("invalid_grant", "Invalid JWT: Token must be a short-lived token.")
    if not starts - MAX_SKEW_S <= now <= ends:
        raise _wrong("invalid_grant", "Invalid JWT: Token must be in a reasonable timeframe.")
    if SCOPE not in str(claims.get("scope", "")).split():
        raise _wrong("invalid_scope", "Invalid OAuth scope or ID token audience provided.")


def _wrong(error: str, message: str) -> Refused:
    return refused(400, message, type=error)
