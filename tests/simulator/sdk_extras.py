"""Fields that the providers accept although the installed SDK's types do not name them, and why."""

from typing import Any

STREAM = {"stream": {"union": ["bool", "null"]}}  # the SDKs type the two kinds of call apart

EXTRAS: dict[str, dict[str, dict[str, Any]]] = {
    "anthropic": {
        "MessageCreateParamsBase": {
            **STREAM,
            # the API version 2023-06-01, which older clients speak, has sampling parameters
            "temperature": {"union": ["num", "null"]},
            "top_p": {"union": ["num", "null"]},
            "top_k": {"union": ["int", "null"]},
            # the name of output_config.format while it was a beta
            "output_format": {"union": ["obj", "null"]},
        },
        "MessageCountTokensParams": {"output_format": {"union": ["obj", "null"]}},
    },
    "openai": {
        "CompletionCreateParamsBase": STREAM,
        "ResponseCreateParamsBase": {
            **STREAM,
            "client_metadata": {"union": [{"map": "str"}, "null"]},  # Codex
        },
        "InputTokenCountParams": STREAM,
        "ImageGenerateParamsBase": STREAM,
        "ImageEditParamsBase": STREAM,
        # assistant turns come back with what compatible servers and litellm put into them
        "ChatCompletionAssistantMessageParam": {
            "annotations": "any",
            "images": "any",
            "provider_specific_fields": "any",
            "reasoning": "any",
            "reasoning_content": {"union": ["str", "null"]},
            "reasoning_details": "any",
            "thinking_blocks": "any",
        },
        # the index of a streamed call stays on it when clients collect the deltas
        "ChatCompletionMessageFunctionToolCallParam": {
            "index": "int",
            "provider_specific_fields": "any",
        },
        "ResponseReasoningItemParam": {"content": {"union": [{"list": "any"}, "null"]}},  # Codex
    },
    "gemini": {},
}
_OPENAI = EXTRAS["openai"]
_NAMED = {"id": {"union": ["str", "null"]}, "status": {"union": ["str", "null"]}}
_OPENAI["EasyInputMessageParam"] = _NAMED  # Codex puts ids on messages
_OPENAI["Message"] = _NAMED
_OPENAI["ResponseCustomToolCallParam"] = _NAMED  # sent back as it was received
_OPENAI["ResponseCustomToolCallOutputParam"] = _NAMED
_OPENAI["ChatCompletionToolMessageParam"] = {"name": {"union": ["str", "null"]}}  # older habits

# Fields that the types call required and the provider does without
RELAXED: dict[str, dict[str, set[str]]] = {
    "anthropic": {},
    "openai": {
        "ResponseOutputMessageParam": {"id", "status", "type"},
        "ResponseOutputTextParam": {"annotations"},
        "FunctionToolParam": {"parameters", "strict"},
        "ResponseInputImageParam": {"detail"},
        "ResponseReasoningItemParam": {"id"},
        "NamespaceToolParam": {"description"},
        "AdditionalTools": {"role"},
    },
    "gemini": {},
}
