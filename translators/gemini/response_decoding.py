"""A whole answer, read: an object, or the array of a stream's chunks."""

from translators import text_json
from translators.canonical.response import Response, fold
from translators.canonical.stream import StreamEvent
from translators.gemini.response_reading import Reader
from translators.protocol import NotUnderstood


def decode_response(body: bytes, issuer: str) -> Response:
    """`issuer`: the family of the answer's signatures."""
    try:
        parsed = text_json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("The upstream's answer is not valid JSON.") from None
    events: list[StreamEvent] = []
    reader = Reader(issuer)
    for chunk in parsed if isinstance(parsed, list) else [parsed]:
        if not isinstance(chunk, dict):
            raise NotUnderstood("The upstream's answer is not a JSON object.")
        if not reader.failed:
            reader.read(chunk, events)
    if not reader.failed:
        if not reader.is_answer:
            raise NotUnderstood("The upstream's answer has no candidates.")
        reader.end(events)
    return fold(events)
