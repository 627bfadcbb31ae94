"""The arguments of a call as the object that Gemini wants."""

from typing import Any

from translators import text_json
from translators.canonical.parts import ToolCall, ToolKind


def arguments_object(call: ToolCall) -> tuple[dict[str, Any], bool]:
    """The object, and whether it is not what the model wrote. No text is no arguments; what is no
    JSON object stands under `input`, so that nothing of it is lost."""
    text = call.arguments
    if call.kind is ToolKind.FREEFORM:
        return {"input": text}, True
    if not text.strip():
        return {}, False
    try:
        parsed = text_json.loads(text)
    except (ValueError, RecursionError):
        return {"input": text}, True
    return (parsed, False) if isinstance(parsed, dict) else ({"input": parsed}, True)
