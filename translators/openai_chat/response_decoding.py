"""A whole Chat Completions answer, read into parts.

Of several choices the first one counts: no other dialect has several. What is of a wrong type is as
good as absent; an answer that somebody has paid for is not refused for a field.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from translators import text_json
from translators.canonical.failure import Failure
from translators.canonical.finish import Finish
from translators.canonical.parts import Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolKind
from translators.canonical.response import Response
from translators.fields import inner, text
from translators.openai_chat.failure import failure_inside
from translators.openai_chat.observed import calls_tools, error_in, finish_of
from translators.openai_chat.reasoning import Details, reasoning_in
from translators.openai_chat.request_parts import citations
from translators.openai_chat.response_parts import (
    arguments_in,
    call_id,
    pictures_in,
    signature_in,
    texts_in,
)
from translators.openai_chat.usage import read_usage
from translators.openai_chat.vocabulary import NAME
from translators.protocol import NotUnderstood


def decode_response(body: bytes, issuer: str) -> Response:
    """The answer. NotUnderstood if it is no JSON object."""
    try:
        answer = text_json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("The upstream's answer is not valid JSON.") from None
    if not isinstance(answer, dict):
        raise NotUnderstood("The upstream's answer is not a JSON object.")
    id, choice = text(answer.get("id")), first_choice(answer)
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice.get("text")}  # the older text completions
    return Response(
        id,
        text(answer.get("model")),
        tuple(_parts(message, issuer, id)),
        _finish(choice, message),
        read_usage(answer.get("usage")),
        _failure(answer, choice),
    )


def first_choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The choice whose index is 0, which is also what a missing index means."""
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and is_first(choice):
            return choice
    return {}


def is_first(choice: Mapping[str, Any]) -> bool:
    index = choice.get("index")
    return index == 0 or not isinstance(index, int)


def _finish(choice: Mapping[str, Any], message: Mapping[str, Any]) -> Finish | None:
    raw = text(choice.get("finish_reason"))
    if raw is None:
        return None
    return finish_of(raw, tools=calls_tools(message), refused=bool(message.get("refusal")))


def _failure(answer: Mapping[str, Any], choice: Mapping[str, Any]) -> Failure | None:
    error = choice.get("error") or error_in(answer)
    return failure_inside(error) if error else None


def _parts(message: Mapping[str, Any], issuer: str, answer_id: str | None) -> Iterator[Part]:
    """In the order in which a stream brings them."""
    thought, details = reasoning_in(message), Details(issuer)
    details.add(message)
    if thought is not None or details.opaque:
        said, field = thought or ("", "")
        yield Reasoning(said, details.seal(field))
    yield from _content(message)
    if (refusal := text(message.get("refusal"))) is not None:
        yield Refusal(refusal)
    yield from pictures_in(message)
    audio = message.get("audio")
    if isinstance(audio, dict) and audio:
        yield Opaque(NAME, "audio", audio)
    yield from _calls(message, issuer, answer_id)


def _content(message: Mapping[str, Any]) -> Iterator[Part]:
    """Texts beside each other are one text, as in a stream."""
    said = texts_in(message.get("content"))
    cited = citations(message.get("annotations"))
    pieces: list[str] = []
    for at, (is_thought, piece) in enumerate(said):
        pieces.append(piece)
        if at + 1 < len(said) and said[at + 1][0] == is_thought:
            continue
        whole, pieces = "".join(pieces), []
        if is_thought:
            yield Reasoning(whole)
        else:
            yield Text(whole, cited if at + 1 == len(said) else ())


def _calls(message: Mapping[str, Any], issuer: str, answer_id: str | None) -> Iterator[ToolCall]:
    calls = message.get("tool_calls")
    ordinal = 0
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield _call(call, issuer, call_id(answer_id, ordinal))
            ordinal += 1
    older = message.get("function_call")
    if isinstance(older, dict) and older and ordinal == 0:
        name = text(older.get("name")) or ""
        yield ToolCall(call_id(answer_id, 0), name, arguments_in(older.get("arguments")))


def _call(call: Mapping[str, Any], issuer: str, id: str) -> ToolCall:
    sealed = signature_in(call, issuer)
    id = text(call.get("id")) or id
    if isinstance(custom := call.get("custom"), dict):
        name, said = text(custom.get("name")) or "", text(custom.get("input")) or ""
        return ToolCall(id, name, said, kind=ToolKind.FREEFORM, sealed=sealed)
    function = inner(call.get("function"))
    name = text(function.get("name")) or ""
    return ToolCall(id, name, arguments_in(function.get("arguments")), sealed=sealed)
