"""Sealed values carried through a foreign client, inside that client's own opaque field.

A value goes out as `clv1.<issuer>.<payload>` in the field where the client's dialect keeps its own
(`signature`, `encrypted_content`, `thoughtSignature`), and is opened again when the client sends it
back. What comes without the prefix was minted by the client's own dialect. The version is in the
prefix: a later format gets a new one, and both are read. An issuer's name is letters, digits, `_`
and `-`, at most 40 of them.
"""

import base64
import re

from translators.canonical.sealed import Sealed

PREFIX = "clv1."
MARK = PREFIX.encode()  # a body without it carries nothing of ours
_ISSUER = "[A-Za-z0-9_-]{1,40}"
_CARRIED = re.compile(rf"clv1\.({_ISSUER})\.(.*)", re.DOTALL)
_CARRIER = re.compile(_ISSUER)


def wrapped(sealed: Sealed, own: str) -> str:
    """The text to put into an opaque field of the dialect whose own seals are `own`'s."""
    if sealed.issuer == own and not sealed.payload.startswith(PREFIX):
        return sealed.payload
    return _carried(sealed)


def _carried(sealed: Sealed) -> str:
    assert _CARRIER.fullmatch(sealed.issuer), "an issuer whose name could not be read back"
    return f"{PREFIX}{sealed.issuer}.{sealed.payload}"


def opened(text: str, own: str) -> Sealed:
    """The sealed value in such a text; without a prefix it is `own`'s."""
    if (found := _CARRIED.fullmatch(text)) is not None:
        return Sealed(found[1], found[2])
    return Sealed(own, text)


def wrapped_base64(sealed: Sealed, own: str) -> str:
    """The same for a field that must be base64 (a bytes field of a JSON-mapped proto)."""
    text = wrapped(sealed, own)
    if not text.startswith((PREFIX, _BASE64_START)):
        return text
    if not text.startswith(PREFIX):
        text = _carried(sealed)  # a value of its own that looks like one of ours
    return base64.b64encode(text.encode()).decode()


def opened_base64(text: str, own: str) -> Sealed:
    """Opens what `wrapped_base64` made."""
    if text.startswith(_BASE64_START):
        try:
            decoded = base64.b64decode(text, validate=True).decode()
        except ValueError:
            return Sealed(own, text)
        if decoded.startswith(PREFIX):
            return opened(decoded, own)
    return Sealed(own, text)


# Base64 of the prefix as far as it does not depend on what follows.
_BASE64_START = base64.b64encode(MARK).decode()[: len(MARK) * 8 // 6]
MARKS = (MARK, _BASE64_START.encode())
