"""Whole answers, read (response_decoding.py) and written (response_encoding.py)."""

from translators.openai_responses.response_decoding import decode_response
from translators.openai_responses.response_encoding import encode_response

__all__ = ["decode_response", "encode_response"]
