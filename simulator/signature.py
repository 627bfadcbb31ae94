"""Signed reasoning: what a provider hands out opaque, and recognises when it comes back.

A seal is a provider's tag, the hash of the text, and an HMAC over both, in base64: deterministic,
bound to the provider (another's seal is refused) and self-contained (no memory needed to judge it).
The tags make the first characters look like the real ones: E (Claude), gAAAA (OpenAI), C (Gemini).
"""

import base64
import hashlib
import hmac

_SECRET = b"the simulator's own; it protects nothing"
_TAGS = {"anthropic": b"\x12\x01", "openai": b"\x80\x00\x00\x00\x01", "gemini": b"\x0a\x01"}
_HASH = 32  # bytes of SHA-256


def seal(provider: str, text: str) -> str:
    """The signature of `text`: base64 (URL-safe for OpenAI, standard for the others)."""
    tag = _TAGS[provider]
    digest = hashlib.sha256(text.encode()).digest()
    raw = tag + digest + _mac(tag + digest)
    return (base64.urlsafe_b64encode if provider == "openai" else base64.b64encode)(raw).decode()


def is_genuine(provider: str, signature: str, text: str | None = None) -> bool:
    """Whether this provider made the signature; with a text, whether it made it for that text."""
    try:
        raw = base64.b64decode(signature.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return False
    tag = _TAGS[provider]
    signed, mac = raw[: len(tag) + _HASH], raw[len(tag) + _HASH :]
    if not signed.startswith(tag) or not hmac.compare_digest(mac, _mac(signed)):
        return False
    return text is None or signed[len(tag) :] == hashlib.sha256(text.encode()).digest()


def _mac(data: bytes) -> bytes:
    return hmac.digest(_SECRET, data, "sha256")
