"""The words of Chat Completions and their neutral meanings: finish reasons, error types, codes.

The strategy: what OpenAI writes is declared once (SPOKEN_FINISH, ERRORS) and read back by inverting
it; the words that only other implementers of this dialect use are listed apart and are read, never
written.
Sources: openai 3.52 types (chat.completion, chat.completion.chunk), platform.openai.com error codes
guide, and the API references of DeepSeek, Mistral, Z.ai, vLLM and OpenRouter for the foreign words.
"""

from dataclasses import dataclass

from translators.canonical.effort import Effort
from translators.canonical.failure import Kind
from translators.canonical.finish import Reason
from translators.canonical.loss import IN_CONVERSATION, Neutral
from translators.canonical.request import Role, ToolMode

NAME = "openai_chat"  # this dialect's own, as an issuer of files and opaque parts

# What each neutral reason is called in `finish_reason`.
SPOKEN_FINISH: dict[Reason, str] = {
    Reason.STOP: "stop",
    Reason.STOP_SEQUENCE: "stop",
    Reason.LENGTH: "length",
    Reason.CONTEXT_EXCEEDED: "length",
    Reason.TOOL_CALLS: "tool_calls",
    Reason.REFUSAL: "content_filter",
    Reason.PAUSE: "stop",
    Reason.ERROR: "error",
    Reason.OTHER: "stop",
}

# Words of other implementers, and the deprecated `function_call`.
FOREIGN_FINISH: dict[str, Reason] = {
    "function_call": Reason.TOOL_CALLS,
    "tool_use": Reason.TOOL_CALLS,
    "end_turn": Reason.STOP,
    "eos": Reason.STOP,
    "stop_sequence": Reason.STOP_SEQUENCE,
    "max_tokens": Reason.LENGTH,
    "model_length": Reason.CONTEXT_EXCEEDED,
    "model_context_window_exceeded": Reason.CONTEXT_EXCEEDED,
    "sensitive": Reason.REFUSAL,
    "safety": Reason.REFUSAL,
    "refusal": Reason.REFUSAL,
    "insufficient_system_resource": Reason.ERROR,
    "network_error": Reason.ERROR,
    "abort": Reason.ERROR,
}


def _read_finish() -> dict[str, Reason]:
    """SPOKEN_FINISH inverted (the first reason that says a word owns it), and the foreign words."""
    heard: dict[str, Reason] = {}
    for reason, word in SPOKEN_FINISH.items():
        heard.setdefault(word, reason)
    return heard | FOREIGN_FINISH


HEARD_FINISH: dict[str, Reason] = _read_finish()


@dataclass(frozen=True, slots=True)
class Words:
    """How one kind of failure is said: `error.type`, and `error.code` when none is known."""

    type: str
    code: str | None = None


ERRORS: dict[Kind, Words] = {
    Kind.INVALID_REQUEST: Words("invalid_request_error"),
    Kind.AUTHENTICATION: Words("invalid_request_error", "invalid_api_key"),
    Kind.CREDIT: Words("insufficient_quota", "insufficient_quota"),
    Kind.PERMISSION: Words("invalid_request_error", "permission_denied"),
    Kind.NOT_FOUND: Words("invalid_request_error", "not_found"),
    Kind.TIMEOUT: Words("server_error", "timeout"),
    Kind.TOO_LARGE: Words("invalid_request_error", "request_too_large"),
    Kind.UPGRADE_REQUIRED: Words("invalid_request_error", "upgrade_required"),
    Kind.RATE_LIMITED: Words("requests", "rate_limit_exceeded"),
    Kind.INTERNAL: Words("server_error", "server_error"),
    Kind.UPSTREAM: Words("server_error", "upstream_error"),
    Kind.UNAVAILABLE: Words("service_unavailable_error", "service_unavailable"),
    Kind.OVERLOADED: Words("service_unavailable_error", "server_is_overloaded"),
}

# Codes (and `type`s, which many implementers use instead) that say more than the HTTP status does.
FOREIGN_ERRORS: dict[str, Kind] = {
    "billing_hard_limit_reached": Kind.CREDIT,
    "insufficient_balance": Kind.CREDIT,
    "insufficient_credits": Kind.CREDIT,
    "usage_not_included": Kind.CREDIT,
    "billing_error": Kind.CREDIT,
    "exceeded_current_quota_error": Kind.CREDIT,  # Moonshot, with 429
    "1113": Kind.CREDIT,  # Z.AI and Zhipu, with 429
    "arrearage": Kind.CREDIT,  # Alibaba, with 400
    "engine_overloaded": Kind.OVERLOADED,
    "engine_overloaded_error": Kind.OVERLOADED,
    "1305": Kind.OVERLOADED,  # Z.AI and Zhipu, with 429
    "model_overloaded": Kind.OVERLOADED,
    "slow_down": Kind.OVERLOADED,
    "overloaded_error": Kind.OVERLOADED,
    "service_unavailable_error": Kind.UNAVAILABLE,
    "rate_limit_error": Kind.RATE_LIMITED,
    "rate_limit_reached_error": Kind.RATE_LIMITED,
    "requests": Kind.RATE_LIMITED,
    "tokens": Kind.RATE_LIMITED,
    "too_many_requests": Kind.RATE_LIMITED,
    "authentication_error": Kind.AUTHENTICATION,
    "invalid_authentication": Kind.AUTHENTICATION,
    "incorrect_api_key_error": Kind.AUTHENTICATION,
    "wrong_api_key": Kind.AUTHENTICATION,
    "authorized_error": Kind.AUTHENTICATION,
    "permission_error": Kind.PERMISSION,
    "unsupported_country_region_territory": Kind.PERMISSION,
    "model_not_found": Kind.NOT_FOUND,
    "not_found_error": Kind.NOT_FOUND,
    "resource_not_found_error": Kind.NOT_FOUND,
    "1211": Kind.NOT_FOUND,  # Z.AI and Zhipu, an unknown model, with 400
    "notfounderror": Kind.NOT_FOUND,
    "context_length_exceeded": Kind.INVALID_REQUEST,
    "string_above_max_length": Kind.INVALID_REQUEST,
    "content_policy_violation": Kind.INVALID_REQUEST,
    "content_filter": Kind.INVALID_REQUEST,
    "invalid_request_error": Kind.INVALID_REQUEST,
    "invalid_value": Kind.INVALID_REQUEST,
    "badrequesterror": Kind.INVALID_REQUEST,
    "request_too_large": Kind.TOO_LARGE,
    "timeout_error": Kind.TIMEOUT,
    "internal_error": Kind.INTERNAL,
    "internal_server_error": Kind.INTERNAL,
    "internalservererror": Kind.INTERNAL,
    "api_error": Kind.INTERNAL,
}


def _read_errors() -> dict[str, Kind]:
    """The codes of ERRORS inverted, and the foreign words."""
    return {words.code: kind for kind, words in ERRORS.items() if words.code} | FOREIGN_ERRORS


HEARD_ERRORS: dict[str, Kind] = _read_errors()

FOREIGN_STATUSES: dict[int, Kind] = {498: Kind.OVERLOADED}  # Groq: its flex tier is full

# Kinds that another try may cure. The SDKs obey `x-should-retry` before their own rules by status.
RETRYABLE: frozenset[Kind] = frozenset(
    {
        Kind.TIMEOUT,
        Kind.RATE_LIMITED,
        Kind.INTERNAL,
        Kind.UPSTREAM,
        Kind.UNAVAILABLE,
        Kind.OVERLOADED,
    }
)

# ---------------------------------------------------------------------------- words of requests

ROLES: dict[str, Role] = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.USER,
    "function": Role.USER,  # deprecated: the result of a `function_call`
}

EFFORT_OFF = "none"
EFFORTS_BY_WORD: dict[str, Effort | None] = {EFFORT_OFF: None} | {e.value: e for e in Effort}

# `fast` is a second word for `priority`; `scale` is a contract with OpenAI, which nobody else has.
TIERS: dict[str, str | None] = {
    "auto": "auto",
    "default": "default",
    "flex": "flex",
    "fast": "priority",
    "priority": "priority",
    "scale": None,
}
SPOKEN_TIERS: dict[str, str] = {neutral: word for word, neutral in TIERS.items() if neutral}

VERBOSITIES: dict[str, str] = {word: word for word in ("low", "medium", "high")}
DETAILS: dict[str, str] = {word: word for word in ("auto", "low", "high", "original")}
CONTEXT_SIZES: dict[str, str] = {word: word for word in ("low", "medium", "high")}

# Formats of `input_audio`: what OpenAI takes, and the media types that mean it.
SPOKEN_AUDIO: dict[str, str] = {"audio/wav": "wav", "audio/mpeg": "mp3"}
HEARD_AUDIO: dict[str, str] = {word: media_type for media_type, word in SPOKEN_AUDIO.items()}

TOOL_MODES: dict[str, ToolMode] = {
    "auto": ToolMode.AUTO,
    "required": ToolMode.REQUIRED,
    "none": ToolMode.NONE,
}
SPOKEN_TOOL_MODES: dict[ToolMode, str] = {mode: word for word, mode in TOOL_MODES.items()}
HEARD_TOOL_MODES: dict[str, ToolMode] = TOOL_MODES | {"any": ToolMode.REQUIRED}  # Mistral

# What callers of this dialect call what neutral names mean.
OWN_FIELDS: dict[str, str] = {
    **dict.fromkeys(IN_CONVERSATION, "messages"),
    Neutral.MAX_OUTPUT_TOKENS: "max_completion_tokens",
    Neutral.REASONING: "reasoning_effort",
    Neutral.OUTPUT_FORMAT: "response_format",
    Neutral.WEB_SEARCH: "web_search_options",
    Neutral.TOOLS: "tools",
    Neutral.CACHE_KEY: "prompt_cache_key",
}
