"""Whole answers, read and written."""

from translators.gemini.response_decoding import decode_response
from translators.gemini.response_encoding import encode_response

__all__ = ["decode_response", "encode_response"]
