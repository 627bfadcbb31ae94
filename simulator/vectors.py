"""Embeddings without a model: a unit vector from a hash of the text, the same text the same
vector."""

import array
import base64
import hashlib
import math
import sys


def vector(text: str, dimensions: int) -> list[float]:
    """`dimensions` numbers of length one together."""
    seed = hashlib.shake_128(text.encode()).digest(dimensions)
    raw = [byte - 127.5 for byte in seed]
    length = math.sqrt(sum(value * value for value in raw))
    return [value / length for value in raw]


def packed(values: list[float]) -> str:
    """Base64 of 32-bit little-endian floats: what encoding_format=base64 means."""
    floats = array.array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()
