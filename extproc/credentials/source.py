"""Where a proof of who we are comes from, and what one is.

A source asks (a token endpoint, a chain of files and metadata services) and may take long; a proof
answers at once. Sources raise CredentialError and nothing else.
"""

from dataclasses import dataclass
from typing import Protocol as TypingProtocol

from extproc.vouching import Outgoing

# An endpoint for tokens answers in less than a second or not at all.
PATIENCE_S = 10.0


class CredentialError(Exception):
    """A token or a key of an upstream account could not be had: its text says why, without a
    secret. It is logged, and the account is passed over until there is one."""


class Proof(TypingProtocol):
    """Says who asks, as headers of one request."""

    def headers(self, request: Outgoing) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token."""

    token: str

    def headers(self, request: Outgoing) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def __repr__(self) -> str:
        return "Bearer(...)"


@dataclass(frozen=True, slots=True)
class Grant:
    """A proof, how long it holds (None: for ever), and when to ask again."""

    proof: Proof
    lives_s: float | None
    renew_in_s: float | None


class Source(TypingProtocol):
    async def fetch(self) -> Grant: ...


# A token is renewed when a quarter of its time is left, but no earlier than this before its end.
MOST_AHEAD_S = 600.0


def of_token(token: str, lives_s: float) -> Grant:
    """The grant of a token that lives so long."""
    return Grant(Bearer(token), lives_s, lives_s - min(lives_s / 4, MOST_AHEAD_S))
