"""The words of the Messages API and their neutral meanings.

What Anthropic writes is declared once and read back by inverting it; words that are only read (of
betas, of other implementers of this dialect) are listed apart and never written.
Sources: anthropic 2.11 (types.StopReason, types.beta.BetaStopReason, types.shared.ErrorType), the
API's guides "Errors" and "Handling stop reasons".
"""

from translators.canonical.effort import Effort
from translators.canonical.failure import Kind
from translators.canonical.finish import Reason
from translators.canonical.loss import IN_CONVERSATION, Neutral
from translators.canonical.request import ToolMode

# What each neutral reason is called in `stop_reason`.
SPOKEN_FINISH: dict[Reason, str] = {
    Reason.STOP: "end_turn",
    Reason.STOP_SEQUENCE: "stop_sequence",
    Reason.LENGTH: "max_tokens",
    Reason.CONTEXT_EXCEEDED: "model_context_window_exceeded",
    Reason.TOOL_CALLS: "tool_use",
    Reason.REFUSAL: "refusal",
    Reason.PAUSE: "pause_turn",
    Reason.ERROR: "end_turn",  # an answer that failed is an `error` event, not a stop reason
    Reason.OTHER: "end_turn",
}

# `compaction` (beta) pauses after the context was summarised; the caller sends the turn again.
FOREIGN_FINISH: dict[str, Reason] = {
    "compaction": Reason.PAUSE,
    "stop": Reason.STOP,
    "length": Reason.LENGTH,
    "tool_calls": Reason.TOOL_CALLS,
    "content_filter": Reason.REFUSAL,
    "sensitive": Reason.REFUSAL,
}


def _inverted() -> dict[str, Reason]:
    """SPOKEN_FINISH inverted (the first reason that says a word owns it), and the foreign words."""
    heard: dict[str, Reason] = {}
    for reason, word in SPOKEN_FINISH.items():
        heard.setdefault(word, reason)
    return FOREIGN_FINISH | heard


HEARD_FINISH: dict[str, Reason] = _inverted()

# `error.type` of each kind of failure. The SDKs choose the exception's class by the HTTP status.
SPOKEN_ERRORS: dict[Kind, str] = {
    Kind.INVALID_REQUEST: "invalid_request_error",
    Kind.AUTHENTICATION: "authentication_error",
    Kind.CREDIT: "billing_error",
    Kind.PERMISSION: "permission_error",
    Kind.NOT_FOUND: "not_found_error",
    Kind.TIMEOUT: "timeout_error",
    Kind.TOO_LARGE: "request_too_large",
    Kind.UPGRADE_REQUIRED: "invalid_request_error",
    Kind.RATE_LIMITED: "rate_limit_error",
    Kind.INTERNAL: "api_error",
    Kind.UPSTREAM: "api_error",
    Kind.OVERLOADED: "overloaded_error",
    Kind.UNAVAILABLE: "overloaded_error",  # the word that clients wait and try again upon
}

FOREIGN_ERRORS: dict[str, Kind] = {
    "conflict_error": Kind.INVALID_REQUEST,
    "memory_precondition_failed_error": Kind.INVALID_REQUEST,
    "memory_path_conflict_error": Kind.INVALID_REQUEST,
    "internal_server_error": Kind.INTERNAL,
    "service_unavailable_error": Kind.UNAVAILABLE,
}


def _inverted_errors() -> dict[str, Kind]:
    heard: dict[str, Kind] = {}
    for kind, word in SPOKEN_ERRORS.items():
        heard.setdefault(word, kind)
    return FOREIGN_ERRORS | heard


HEARD_ERRORS: dict[str, Kind] = _inverted_errors()

# Anthropic answers 400 `invalid_request_error` when the ACCOUNT is out of money or blocked. That is
# no fault of the request; only the sentence tells. In lower case.
ACCOUNT_PHRASES: tuple[tuple[str, Kind], ...] = (
    ("credit balance is too low", Kind.CREDIT),
    ("reached your specified api usage limits", Kind.CREDIT),
    ("organization has been disabled", Kind.PERMISSION),
)

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

# How much effort, in `output_config.effort`. The least neutral one has no word of its own.
SPOKEN_EFFORTS: dict[Effort, str] = {
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
    Effort.XHIGH: "xhigh",
    Effort.MAX: "max",
}
HEARD_EFFORTS: dict[str, Effort] = {word: effort for effort, word in SPOKEN_EFFORTS.items()}

# `tool_choice.type`, where no tool is named.
SPOKEN_MODES: dict[ToolMode, str] = {
    ToolMode.AUTO: "auto",
    ToolMode.REQUIRED: "any",
    ToolMode.NONE: "none",
}
HEARD_MODES: dict[str, ToolMode] = {word: mode for mode, word in SPOKEN_MODES.items()}

# `service_tier`. The API's own default is to use what capacity the account has.
SPOKEN_TIERS: dict[str, str] = {"auto": "auto", "default": "standard_only"}
HEARD_TIERS: dict[str, str] = {word: tier for tier, word in SPOKEN_TIERS.items()}

# `thinking.display`, and what it says of the summary.
HEARD_DISPLAYS: dict[str, str] = {"summarized": "auto", "omitted": "none", "updates": "concise"}
SPOKEN_DISPLAYS: dict[str, str] = {
    "auto": "summarized",
    "concise": "summarized",
    "detailed": "summarized",
    "none": "omitted",
}

# Why a search failed. A code of another dialect is `unavailable`.
SEARCH_ERRORS: frozenset[str] = frozenset(
    {
        "invalid_tool_input",
        "unavailable",
        "max_uses_exceeded",
        "too_many_requests",
        "query_too_long",
        "request_too_large",
    }
)

# What the API takes as a picture.
IMAGE_TYPES: frozenset[str] = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

# What callers of this dialect call what neutral names mean.
OWN_FIELDS: dict[str, str] = {
    **dict.fromkeys(IN_CONVERSATION, "messages"),
    Neutral.MAX_OUTPUT_TOKENS: "max_tokens",
    Neutral.STOP: "stop_sequences",
    Neutral.OUTPUT_FORMAT: "output_config.format",
    Neutral.REASONING: "thinking",
    Neutral.EFFORT: "output_config.effort",
    Neutral.WEB_SEARCH: "tools",
    Neutral.TOOLS: "tools",
    Neutral.PARALLEL_TOOL_CALLS: "tool_choice.disable_parallel_tool_use",
    Neutral.USER: "metadata.user_id",
    Neutral.CACHE_KEY: "metadata.user_id",
}
