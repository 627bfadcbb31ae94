"""A plan as a GenerateContentResponse, whole or as chunks.

Every chunk is a response of its own: whole parts (a function call is never split), usage so far,
and in the last one the finish reason. No terminal event exists: the finish reason is the end.
Source: google-genai SDK types (GenerateContentResponse, Candidate, Part, UsageMetadata).
"""

from typing import Any, assert_never

import orjson

from simulator.call import Call, Headers, Stream
from simulator.gemini.dialect import error_object
from simulator.ids import new_id
from simulator.pictures import base64_png
from simulator.plan import Figures, Plan, arguments_object
from simulator.script import (
    ImagePart,
    Part,
    RawPart,
    RedactedPart,
    RefusalPart,
    StreamErrorSpec,
    TextPart,
    ThinkingPart,
    ToolPart,
    WebSearchPart,
)
from simulator.signature import seal
from simulator.tokens import pieces

FINISH_REASONS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tools": "STOP",
    "refusal": "SAFETY",
    "content_filter": "SAFETY",
    "stop_sequence": "STOP",
    "pause": "STOP",
    "context": "MAX_TOKENS",
}


def response(plan: Plan, call: Call) -> dict[str, Any]:
    """The whole response."""
    search = [part for part in plan.parts if isinstance(part, WebSearchPart)]
    candidate: dict[str, Any] = {
        "content": {"parts": _parts(plan, call), "role": "model"},
        "finishReason": FINISH_REASONS.get(plan.finish, plan.finish),
        "index": 0,
    }
    if search:
        candidate["groundingMetadata"] = _grounding(search)
    if plan.finish == "refusal":
        candidate["content"] = {"role": "model"}
        candidate["finishMessage"] = _why(plan.parts)
    body: dict[str, Any] = {"candidates": [candidate]}
    if plan.finish.startswith("blocked"):
        body = {"promptFeedback": {"blockReason": plan.finish.partition(":")[2] or "SAFETY"}}
    if not plan.usage.absent:
        body["usageMetadata"] = usage(plan.usage)
    body |= {"modelVersion": plan.model, "responseId": new_id("sim")}
    return {**body, **call.script.extra} if call.script.extra else body


def _why(parts: list[Part]) -> str:
    return " ".join(part.text for part in parts if isinstance(part, RefusalPart))


def needs_signature(model: str) -> bool:
    """Whether the model signs its function calls and wants the signatures back."""
    return model.startswith(("gemini-3", "sim-"))


def _parts(plan: Plan, call: Call) -> list[dict[str, Any]]:
    """Parts in order. The first call of a step carries the signature, as Gemini 3 does it."""
    shown: list[dict[str, Any]] = []
    signed = not needs_signature(call.model)
    thought = "".join(part.text for part in plan.parts if isinstance(part, ThinkingPart))
    for part in plan.parts:
        rendered = _part(part)
        if rendered is None:
            continue
        if "functionCall" in rendered and not signed:
            rendered["thoughtSignature"] = seal(
                "gemini", thought or rendered["functionCall"]["name"]
            )
            signed = True
        shown.append(rendered)
    if thought and not any("thoughtSignature" in part for part in shown):
        shown[-1]["thoughtSignature"] = seal("gemini", thought)
    return shown


def _part(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart():
            return {"text": part.text}
        case ThinkingPart():
            rendered: dict[str, Any] = {"text": part.text, "thought": True}
            if part.signature is not None:
                rendered["thoughtSignature"] = part.signature
            return None if part.hidden else rendered
        case ToolPart():
            said: dict[str, Any] = {"name": part.name, "args": arguments_object(part)}
            return {"functionCall": {**said, "id": part.id or new_id("")}}
        case ImagePart():
            data = {"mimeType": part.mime_type, "data": part.data or base64_png()}
            return {"inlineData": data}
        case RawPart():
            return dict(part.value)
        case RedactedPart() | RefusalPart() | WebSearchPart():
            return None
        case _:
            assert_never(part)


def _grounding(search: list[WebSearchPart]) -> dict[str, Any]:
    return {
        "webSearchQueries": [part.query for part in search],
        "groundingChunks": [{"web": {"uri": part.url, "title": part.title}} for part in search],
    }


def usage(figures: Figures) -> dict[str, Any]:
    """Usage: promptTokenCount with the cached, candidatesTokenCount without the thoughts."""
    candidates = figures.output - figures.reasoning
    body: dict[str, Any] = {
        "promptTokenCount": figures.all_input,
        "candidatesTokenCount": candidates,
        "totalTokenCount": figures.all_input + figures.output + figures.tool_prompt,
        "promptTokensDetails": _modalities(
            figures.all_input, figures.image_input, figures.audio_input
        ),
    }
    if figures.reasoning:
        body["thoughtsTokenCount"] = figures.reasoning
    if figures.cache_read:
        body["cachedContentTokenCount"] = figures.cache_read
        body["cacheTokensDetails"] = _modalities(figures.cache_read, 0, 0)
    if figures.tool_prompt:
        body["toolUsePromptTokenCount"] = figures.tool_prompt
    if figures.image_output or figures.audio_output:
        body["candidatesTokensDetails"] = _modalities(
            candidates, figures.image_output, figures.audio_output
        )
    return {**body, **figures.raw} if figures.raw else body


def _modalities(whole: int, images: int, audio: int) -> list[dict[str, Any]]:
    """A figure by modality. What is zero is left out, but for a figure of nothing at all."""
    parts = (("TEXT", whole - images - audio), ("IMAGE", images), ("AUDIO", audio))
    shown = [{"modality": name, "tokenCount": tokens} for name, tokens in parts if tokens]
    return shown or [{"modality": "TEXT", "tokenCount": 0}]


def chunks(body: dict[str, Any], call: Call, headers: Headers, *, sse: bool) -> Stream:
    """The stream of a response: SSE, or the elements of one JSON array."""
    shown = _chunks(body, call.script.chunks)
    if sse:
        events = [b"data: " + orjson.dumps(chunk) + b"\r\n\r\n" for chunk in shown]
        return Stream(headers, events, terminal=1, failure=_failure, ping=None)
    first, *rest = [orjson.dumps(chunk) for chunk in shown]
    events = [b"[" + first, *(b",\r\n" + chunk for chunk in rest), b"]"]
    return Stream(headers, events, terminal=1, failure=_array_failure, ping=None, sse=False)


def _chunks(body: dict[str, Any], count: int | None) -> list[dict[str, Any]]:
    """The pieces of a response, the last with the finish reason and the whole usage."""
    if "candidates" not in body:
        return [body]
    whole = body["candidates"][0]
    split = [piece for part in whole["content"].get("parts", []) for piece in _split(part, count)]
    said = {key: value for key, value in body.items() if key != "candidates"}
    out = []
    for index, part in enumerate(split):
        last = index == len(split) - 1
        candidate = {**whole, "content": {"parts": [part], "role": "model"}}
        if not last:
            for key in ("finishReason", "groundingMetadata"):
                candidate.pop(key, None)
        chunk = {"candidates": [candidate], **said}
        if not last and "usageMetadata" in said:
            chunk["usageMetadata"] = _so_far(said["usageMetadata"], index + 1, len(split))
        out.append(chunk)
    return out or [body]


def _so_far(usage: dict[str, Any], done: int, of: int) -> dict[str, Any]:
    said = usage.get("candidatesTokenCount")
    if not isinstance(said, int):
        return usage
    part = said * done // of
    total = usage.get("totalTokenCount", said) - said + part
    return {**usage, "candidatesTokenCount": part, "totalTokenCount": total}


def _split(part: dict[str, Any], count: int | None) -> list[dict[str, Any]]:
    """A text part in pieces; a signature stays with the last of them."""
    if not isinstance(part.get("text"), str) or not part["text"]:
        return [part]
    texts = pieces(part["text"], count)
    rest = {key: value for key, value in part.items() if key not in ("text", "thoughtSignature")}
    out = [{"text": text, **rest} for text in texts]
    if "thoughtSignature" in part:
        out[-1]["thoughtSignature"] = part["thoughtSignature"]
    return out


def _failure(spec: StreamErrorSpec, at: int) -> list[bytes]:
    return [b"data: " + orjson.dumps({"error": error_object(spec)}) + b"\r\n\r\n"]


def _array_failure(spec: StreamErrorSpec, at: int) -> list[bytes]:
    opening = b"[" if at == 0 else b",\r\n"
    return [opening + orjson.dumps({"error": error_object(spec)}), b"]"]
