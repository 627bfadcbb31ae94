"""Access tokens: handed out, good for their time and their audience, and forgotten on demand."""

import secrets
import time

MAX_TOKENS = 10_000  # the oldest go


class TokenBook:
    """Which tokens live. `ttl_s`: how long each does."""

    def __init__(self, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self._tokens: dict[str, tuple[str, float]] = {}

    def issue(self, prefix: str, audience: str) -> str:
        """A new token for an audience."""
        token = prefix + secrets.token_urlsafe(48)
        self._tokens[token] = (audience, time.monotonic() + self.ttl_s)
        if len(self._tokens) > MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        return token

    def state(self, token: str, audience: str) -> str:
        """live, expired or unknown."""
        found = self._tokens.get(token)
        if found is None or found[0] != audience:
            return "unknown"
        return "live" if time.monotonic() < found[1] else "expired"

    def revoke(self) -> None:
        """Forget them all."""
        self._tokens.clear()


def bearer(headers: "dict[str, str]") -> str | None:
    """The token of an Authorization header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
