"""Whole answers, read and written: response_decoding and response_encoding, with response_parts for
what streams share."""

from translators.openai_chat.response_decoding import decode_response
from translators.openai_chat.response_encoding import encode_response

__all__ = ["decode_response", "encode_response"]
