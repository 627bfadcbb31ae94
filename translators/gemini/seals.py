"""Sealed values of other families in `thoughtSignature`, the one opaque field of this dialect.

It is a bytes field, so that a carried value is base64 there. Reasoning that its provider withheld
is marked, for it must go back as such; no seal's alphabet has the mark's characters.
"""

from translators.canonical.parts import Reasoning
from translators.canonical.sealed import Sealed
from translators.carry import opened_base64, wrapped_base64
from translators.gemini.media_parts import NAME
from translators.gemini.vocabulary import SENTINELS
from translators.gemini.wire import standard_base64

_REDACTED = "@redacted."


def signature(sealed: Sealed, *, redacted: bool = False) -> str:
    """What to write into `thoughtSignature`."""
    if redacted and sealed.issuer != NAME:
        sealed = Sealed(sealed.issuer, _REDACTED + sealed.payload)
    return wrapped_base64(sealed, NAME)


def read_signature(written: str) -> Sealed | None:
    """The value in a `thoughtSignature`; None for the words that stand for none. SDKs write bytes
    in the URL-safe alphabet."""
    standard = standard_base64(written)
    if not written or {written.rstrip("="), standard.rstrip("=")} & SENTINELS:
        return None
    return opened_base64(standard, NAME)


def is_foreign(sealed: Sealed) -> bool:
    return sealed.issuer != NAME


def unseen(sealed: Sealed) -> Reasoning:
    """The reasoning of another family, of which nothing was shown."""
    if sealed.payload.startswith(_REDACTED):
        bare = Sealed(sealed.issuer, sealed.payload.removeprefix(_REDACTED))
        return Reasoning("", bare, redacted=True)
    return Reasoning("", sealed)
