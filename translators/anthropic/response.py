"""Whole answers, read and written."""

from translators.canonical.loss import Encoded
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response


def decode_response(body: bytes, issuer: str) -> Response:
    raise NotImplementedError


def encode_response(response: Response, context: ReplyContext) -> Encoded:
    raise NotImplementedError
