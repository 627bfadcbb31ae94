"""The words of the Responses API and of the Images API: statuses, reasons, item and event types.

The error vocabulary is OpenAI's common one (translators.openai_chat.vocabulary); the codes that
only this protocol knows are added here.
Source: openai 3.52 types.responses (Response, ResponseError, ResponseStatus, ResponseOutputItem,
ResponseStreamEvent) and types.image_{gen,edit}_*_event.
"""

from translators.canonical.failure import Kind
from translators.canonical.finish import Reason
from translators.canonical.loss import IN_CONVERSATION, Neutral
from translators.canonical.request import Role
from translators.openai_chat.vocabulary import HEARD_ERRORS as COMMON_ERRORS

# The protocol's own name: the issuer of what only this dialect can read.
NAME = "openai_responses"

# Where an opaque part is the content of a message and no item: the beginning of its type.
CONTENT = "content."

# Files of these issuers are the same account's files: both dialects are one vendor's.
FILE_ISSUERS: frozenset[str] = frozenset({NAME, "openai_chat"})

# Tools that the provider runs and that no other dialect knows.
HOSTED_TOOLS: frozenset[str] = frozenset(
    {
        "file_search",
        "computer",
        "computer_use",
        "computer_use_preview",
        "code_interpreter",
        "image_generation",
        "mcp",
        "programmatic_tool_calling",
        "shell",
        "tool_search",
    }
)

# The spellings of the web search tool; other dialects' names begin alike and are none of these.
WEB_SEARCH_TYPES: frozenset[str] = frozenset(
    {
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)

# Roles of messages. Both words for the operator's voice are read; which one is written depends on
# the model (Capabilities.developer_role).
ROLES: dict[str, Role] = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "developer": Role.SYSTEM,
    "system": Role.SYSTEM,
}

# Service tiers: the neutral words are these, and one has a second name.
SPOKEN_TIERS: dict[str, str] = {
    "auto": "auto",
    "default": "default",
    "flex": "flex",
    "priority": "priority",
}
HEARD_TIERS: dict[str, str] = {word: tier for tier, word in SPOKEN_TIERS.items()} | {
    "fast": "priority"
}

# How each neutral reason is said: (status, incomplete_details.reason).
SPOKEN_FINISH: dict[Reason, tuple[str, str | None]] = {
    Reason.STOP: ("completed", None),
    Reason.STOP_SEQUENCE: ("completed", None),
    Reason.LENGTH: ("incomplete", "max_output_tokens"),
    Reason.CONTEXT_EXCEEDED: ("incomplete", "max_output_tokens"),
    Reason.TOOL_CALLS: ("completed", None),
    Reason.REFUSAL: ("incomplete", "content_filter"),
    Reason.PAUSE: ("completed", None),
    Reason.ERROR: ("failed", None),
    Reason.OTHER: ("incomplete", None),
}

# Statuses and reasons that are read and never written.
FOREIGN_FINISH: dict[str, Reason] = {
    "cancelled": Reason.OTHER,
    "max_messages": Reason.OTHER,
    "steered": Reason.OTHER,
}


def _read_finish() -> dict[str, Reason]:
    """SPOKEN_FINISH inverted: a reason's word if it has one, else the status; the first wins."""
    heard: dict[str, Reason] = {}
    for reason, (status, word) in SPOKEN_FINISH.items():
        heard.setdefault(word or status, reason)
    return heard | FOREIGN_FINISH


HEARD_FINISH: dict[str, Reason] = _read_finish()

# Output items that the caller must act on. Those the server runs itself come with their output
# beside them.
CALLS: frozenset[str] = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
    }
)

# The results of such calls, where the server ran them.
CALL_OUTPUTS: frozenset[str] = frozenset(
    {
        "function_call_output",
        "custom_tool_call_output",
        "computer_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
    }
)

# Items that a server adds by itself: their arrival does not mean that the model has begun.
NOT_GENERATED: frozenset[str] = CALL_OUTPUTS | {"mcp_list_tools", "additional_tools"}

# Events that carry the whole response and end the stream.
TERMINAL: frozenset[str] = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)

# The Images API's own terminal events.
IMAGE_TERMINAL: frozenset[str] = frozenset({"image_generation.completed", "image_edit.completed"})

IMAGE_PARTIAL: frozenset[str] = frozenset(
    {"image_generation.partial_image", "image_edit.partial_image"}
)

# Codes of `response.error` and of the `error` event beyond the common vocabulary.
ERROR_CODES: dict[str, Kind] = {
    "invalid_prompt": Kind.INVALID_REQUEST,
    "data_residency_mismatch": Kind.INVALID_REQUEST,
    "bio_policy": Kind.INVALID_REQUEST,
    "cyber_policy": Kind.INVALID_REQUEST,
    "misalignment_policy_violation": Kind.INVALID_REQUEST,
    "vector_store_timeout": Kind.TIMEOUT,
    "invalid_image": Kind.INVALID_REQUEST,
    "invalid_image_format": Kind.INVALID_REQUEST,
    "invalid_base64_image": Kind.INVALID_REQUEST,
    "invalid_image_url": Kind.INVALID_REQUEST,
    "image_too_large": Kind.INVALID_REQUEST,
    "image_too_small": Kind.INVALID_REQUEST,
    "image_parse_error": Kind.INVALID_REQUEST,
    "image_content_policy_violation": Kind.INVALID_REQUEST,
    "invalid_image_mode": Kind.INVALID_REQUEST,
    "image_file_too_large": Kind.INVALID_REQUEST,
    "unsupported_image_media_type": Kind.INVALID_REQUEST,
    "empty_image_file": Kind.INVALID_REQUEST,
    "failed_to_download_image": Kind.INVALID_REQUEST,
    "image_file_not_found": Kind.INVALID_REQUEST,
    "moderation_blocked": Kind.INVALID_REQUEST,
    "invalid_encrypted_content": Kind.INVALID_REQUEST,
    "previous_response_not_found": Kind.NOT_FOUND,
}

HEARD_ERRORS: dict[str, Kind] = COMMON_ERRORS | ERROR_CODES

# What callers of this dialect call what neutral names mean.
OWN_FIELDS: dict[str, str] = {
    **dict.fromkeys(IN_CONVERSATION, "input"),
    Neutral.OUTPUT_FORMAT: "text.format",
    Neutral.VERBOSITY: "text.verbosity",
    Neutral.WEB_SEARCH: "tools",
    Neutral.TOOLS: "tools",
    Neutral.CACHE_KEY: "prompt_cache_key",
}
