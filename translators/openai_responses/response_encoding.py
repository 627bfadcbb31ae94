"""A whole answer, written: the response object that its stream would end with.

One code makes both, so that a caller gets the same items with the same ids either way.
"""

from translators import text_json
from translators.canonical.loss import Encoded
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response, unfold
from translators.openai_responses.stream_encoding import ResponsesEncoder


def encode_response(response: Response, context: ReplyContext) -> Encoded:
    """The body of the answer; what could not be said is in the losses."""
    encoder = ResponsesEncoder(context, silent=True)
    for event in unfold(response):
        encoder.write(event)
    return Encoded(text_json.dumps(encoder.final), encoder.losses)
