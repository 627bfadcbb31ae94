"""Opaque values that only their issuer can open: signatures, encrypted reasoning."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value addressed to the model family that minted it.

    `issuer` is a family's name (see Capabilities.family), `payload` the value as it stood on the
    wire. It is carried through a foreign client (translators/carry.py), returned to its issuer
    alone, and dropped with a reported loss anywhere else.
    """

    issuer: str
    payload: str
