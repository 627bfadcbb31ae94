"""Whole answers, read and written.

An answer is read with the stream's reader, block by block, so that both give the same parts.
"""

from translators import text_json
from translators.anthropic.failure import failure_inside
from translators.anthropic.response_blocks import AnswerBlocks
from translators.anthropic.stream_decoding import AnswerReader
from translators.anthropic.usage import write_usage
from translators.canonical.loss import Encoded, unique
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response, fold
from translators.canonical.usage import Usage
from translators.fields import inner
from translators.protocol import NotUnderstood


def decode_response(body: bytes, issuer: str) -> Response:
    """A whole answer; an error object in its place is a Response with a failure."""
    try:
        answer = text_json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("The upstream's answer is not valid JSON.") from None
    if not isinstance(answer, dict):
        raise NotUnderstood("The upstream's answer is not a JSON object.")
    if answer.get("type") == "error":
        return Response(None, None, (), failure=failure_inside(answer))
    reader = AnswerReader(issuer)
    try:
        return fold([*reader.start(answer), *reader.delta(answer, {}), *reader.stop()])
    except RecursionError:
        raise NotUnderstood("The upstream's answer is nested too deeply.") from None


def encode_response(response: Response, context: ReplyContext) -> Encoded:
    """The message that Anthropic's own server would have sent."""
    writer = AnswerBlocks(context.seed)
    content = [block for part in response.parts for block in writer.blocks(part)]
    usage = response.usage or Usage(input_tokens=context.input_estimate)
    message = {
        "model": context.model,
        "id": message_id(context),
        "type": "message",
        "role": "assistant",
        "content": content,
        **writer.stop(response.finish, inner(context.echo).get("stop_sequences")),
        "usage": write_usage(usage),
    }
    try:
        return Encoded(text_json.dumps(message), unique(writer.losses))
    except RecursionError:
        raise NotUnderstood("The answer is nested too deeply.") from None


def message_id(context: ReplyContext) -> str:
    return f"msg_{context.seed}"
