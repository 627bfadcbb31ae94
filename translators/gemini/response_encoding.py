"""A whole answer, and what a chunk of a stream has in common with it."""

from typing import Any

from translators import text_json
from translators.canonical.finish import Finish, Reason
from translators.canonical.loss import Encoded, unique
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response, unfold
from translators.canonical.stream import PartBegun, PartCited, PartDelta, PartEnded, PartWhole
from translators.canonical.usage import Usage
from translators.gemini.ids import answer_id
from translators.gemini.response_writing import PartWriter, joined
from translators.gemini.usage import write_usage
from translators.gemini.vocabulary import BLOCKED, HEARD_FINISH, SPOKEN_FINISH
from translators.gemini.wire import either

Wire = dict[str, Any]


def encode_response(response: Response, context: ReplyContext) -> Encoded:
    writer = writer_of(context)
    written: list[tuple[int, Wire]] = []
    for event in unfold(response):
        if isinstance(event, PartBegun | PartDelta | PartCited | PartEnded | PartWhole):
            written += writer.write(event)
    written += writer.finish()
    parts = joined(written)
    content: Wire = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    body = last_of(content, bool(parts), writer, response.finish)
    body |= about(context, response.usage)
    return Encoded(text_json.dumps(body), unique(writer.losses))


def writer_of(context: ReplyContext) -> PartWriter:
    """Without a word about it, thoughts are shown: then the request was none of this dialect."""
    shown = either(dict(context.echo), "includeThoughts")
    return PartWriter(show_thoughts=shown is not False)


def last_of(content: Wire, spoken: bool, writer: PartWriter, finish: Finish | None) -> Wire:
    """The end of an answer: the candidate with its reason, or why there is none."""
    word = _word(finish, writer)
    if not spoken and finish is not None and finish.unified is Reason.REFUSAL:
        return {"promptFeedback": {"blockReason": word if word in BLOCKED else "SAFETY"}}
    candidate: Wire = {"content": content, "finishReason": word, "index": 0}
    if (message := writer.message()) is not None:
        candidate["finishMessage"] = message
    grounding = writer.grounding()
    if grounding is not None:
        candidate["groundingMetadata"] = grounding
    return {"candidates": [candidate]}


def about(context: ReplyContext, usage: Usage | None) -> Wire:
    """What every object of an answer says besides."""
    named = {"modelVersion": context.model, "responseId": answer_id(context.seed)}
    return named if usage is None else {"usageMetadata": write_usage(usage), **named}


def _word(finish: Finish | None, writer: PartWriter) -> str:
    """The upstream's own word where it is one of this dialect and means the same."""
    if finish is None:
        return SPOKEN_FINISH[Reason.STOP]
    unified = finish.unified
    if writer.refused and unified is Reason.STOP:
        unified = Reason.REFUSAL
    raw = finish.raw or ""
    if unified is finish.unified and HEARD_FINISH.get(raw) is unified and raw != "CONTINUATION":
        return raw
    if unified is Reason.REFUSAL and raw in BLOCKED:
        return raw
    return SPOKEN_FINISH[unified]
