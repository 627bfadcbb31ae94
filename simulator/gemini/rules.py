"""What Gemini refuses before the model runs: contents, configuration, function turns,
signatures."""

import base64
import binascii
import re
from typing import Any

from simulator.call import Call, mapping, refused
from simulator.gemini import tool_rules
from simulator.gemini.answer import needs_signature
from simulator.gemini.question import contents, get
from simulator.gemini.wording import field, worded
from simulator.grammar import load
from simulator.grammar.load import snake
from simulator.signature import is_genuine

MAX_STOPS = 5
MAX_CANDIDATES = 8
_ROLES = ("user", "model", "function", None, "")
_DATA = (
    "text",
    "inlineData",
    "functionCall",
    "functionResponse",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
    "thoughtSignature",
)
_UNSIGNED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for "
    "tools to work correctly, and missing thought_signature may lead to degraded model "
    "performance. Additional data, {where}. Please refer to "
    "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)
# Google documents them for history from elsewhere; clients send them in base64, too
SENTINELS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_ENCODED = {base64.b64encode(text.encode()).decode().rstrip("=") for text in SENTINELS}


def generate(call: Call) -> None:
    """Raises Refused for a body that generateContent rejects."""
    _grammar("generate", call.json)
    _contents(call.json)
    _config(call)
    tool_rules.check(call)
    _turns(contents(call.json))
    _signatures(call, contents(call.json))


def count_tokens(call: Call) -> None:
    """The same for countTokens, which takes contents or a whole request."""
    _grammar("count", call.json)
    inner = get(call.json, "generateContentRequest")
    _contents(inner if isinstance(inner, dict) else call.json)


def embed(call: Call) -> None:
    """The same for embedContent."""
    _grammar("embed", call.json)
    _embeddable(call.json.get("content"), "EmbedContentRequest.content")


def batch_embed(call: Call) -> None:
    """The same for batchEmbedContents."""
    _grammar("batch", call.json)
    requests = call.json["requests"]
    if not requests:
        said = "at least one request is required"
        raise field("requests", said, "BatchEmbedContentsRequest")
    for index, request in enumerate(requests):
        _embeddable(request["content"], f"BatchEmbedContentsRequest.requests[{index}].content")


def _grammar(root: str, body: dict[str, Any]) -> None:
    problem = load("gemini", proto=True).check(root, body)
    if problem is not None:
        raise worded(problem)


def _embeddable(content: Any, where: str) -> None:
    if not get(content, "parts"):
        raise refused(400, f"* {where}: content is empty\n")


def _contents(body: dict[str, Any]) -> None:
    listed = contents(body)
    if not listed:
        raise field("contents", "contents is not specified")
    for index, content in enumerate(listed):
        if content.get("role") not in _ROLES:
            raise refused(400, "Please use a valid role: user, model.")
        parts = content.get("parts")
        if not parts:
            raise field(f"contents[{index}].parts", "contents.parts must not be empty.")
        for position, part in enumerate(parts):
            _part(f"contents[{index}].parts[{position}]", part)


def _part(where: str, part: dict[str, Any]) -> None:
    if all(get(part, name) is None for name in _DATA):
        raise field(f"{where}.data", "required oneof field 'data' must have one initialized field")
    answer = get(part, "functionResponse")
    for name, value in (("functionCall", get(part, "functionCall")), ("functionResponse", answer)):
        if isinstance(value, dict) and not value.get("name"):
            raise field(f"{where}.{snake(name)}.name", "Name cannot be empty.")
    data = mapping(get(part, "inlineData"))
    if data and not get(data, "mimeType"):
        raise field(f"{where}.inline_data.mime_type", "mime type must not be empty")


def _config(call: Call) -> None:
    config = mapping(get(call.json, "generationConfig"))
    temperature = config.get("temperature")
    if isinstance(temperature, int | float) and not 0 <= temperature <= 2:
        said = "temperature must be in the range [0.0, 2.0]."
        raise field("generation_config.temperature", said)
    if len(get(config, "stopSequences") or []) > MAX_STOPS:
        said = f"the number of stop sequences must not exceed {MAX_STOPS}."
        raise field("generation_config.stop_sequences", said)
    count = get(config, "candidateCount")
    if isinstance(count, int) and not 1 <= count <= MAX_CANDIDATES:
        said = f"candidate_count must be in the range [1, {MAX_CANDIDATES}]."
        raise field("generation_config.candidate_count", said)
    limit = get(config, "maxOutputTokens")
    if isinstance(limit, int) and limit < 1:
        raise field("generation_config.max_output_tokens", "max_output_tokens must be positive.")
    thinking = mapping(get(config, "thinkingConfig"))
    budget = get(thinking, "thinkingBudget")
    if budget is not None and get(thinking, "thinkingLevel") is not None:
        raise refused(400, "You can only set only one of thinking budget and thinking level.")
    if budget == 0 and re.match(r"gemini-(2\.5-pro|3)", call.model):
        raise refused(400, "Budget 0 is invalid. This model only works in thinking mode.")


def _turns(listed: list[dict[str, Any]]) -> None:
    """A turn of calls follows the user's; the turn after it answers as many as were called."""
    calls = 0
    before = ""
    for content in listed:
        asked = sum(get(part, "functionCall") is not None for part in content["parts"])
        given = sum(get(part, "functionResponse") is not None for part in content["parts"])
        if asked and before not in ("user", "answer"):
            said = "Please ensure that function call turn comes immediately after a user turn or "
            raise refused(400, f"{said}after a function response turn.")
        if given and before != "call":
            said = "Please ensure that function response turn comes immediately after a function "
            raise refused(400, f"{said}call turn.")
        if before == "call" and given != calls:
            said = (
                "Please ensure that the number of function response parts is equal to the number "
            )
            raise refused(400, f"{said}of function call parts of the function call turn.")
        calls = asked
        before = "call" if asked else "answer" if given else content.get("role") or "user"


def _signatures(call: Call, listed: list[dict[str, Any]]) -> None:
    """Signatures are Gemini's own; in the current turn the first call of each step must have
    one."""
    current = 0
    for index, content in enumerate(listed):
        answers = any(get(part, "functionResponse") is not None for part in content["parts"])
        if content.get("role") != "model" and not answers:
            current = index
    for index, content in enumerate(listed):
        for position, part in enumerate(content["parts"]):
            signature = get(part, "thoughtSignature")
            if signature is not None:
                _genuine(signature, f"contents[{index}].parts[{position}].thought_signature")
        if index > current and needs_signature(call.model):
            _signed(index, content)


def _genuine(signature: str, where: str) -> None:
    plain = signature.replace("-", "+").replace("_", "/").rstrip("=")
    if signature in SENTINELS or signature.rstrip("=") in _ENCODED or plain in _ENCODED:
        return
    try:
        base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        said = f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed for "
        raise refused(400, f'{said}"{signature[:50]}"', param=where) from None
    if not is_genuine("gemini", signature):
        raise refused(400, "Corrupted thought signature.")


def _signed(index: int, content: dict[str, Any]) -> None:
    for part in content["parts"]:
        called = get(part, "functionCall")
        if called is None:
            continue
        if get(part, "thoughtSignature") is None:
            where = f"function call `default_api:{called['name']}` , position {index + 1}"
            raise refused(400, _UNSIGNED.format(where=where))
        return
