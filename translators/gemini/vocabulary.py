"""The words of generateContent and their neutral meanings: finish reasons, error statuses.

What Gemini writes is declared once and read back by inverting it; words that are only read are
listed apart. Gemini has no word for tool calls: it says STOP beside `functionCall` parts.
Sources: google-genai 3.4 (types.FinishReason, types.BlockedReason), google.rpc.Code with its
mapping to HTTP, the Gemini API's troubleshooting guide.
"""

import base64

from translators.canonical.effort import Effort
from translators.canonical.failure import Kind
from translators.canonical.finish import Reason
from translators.canonical.loss import IN_CONVERSATION, Neutral
from translators.canonical.request import Role, ToolMode

# What each neutral reason is called in `finishReason`.
SPOKEN_FINISH: dict[Reason, str] = {
    Reason.STOP: "STOP",
    Reason.STOP_SEQUENCE: "STOP",
    Reason.LENGTH: "MAX_TOKENS",
    Reason.CONTEXT_EXCEEDED: "MAX_TOKENS",
    Reason.TOOL_CALLS: "STOP",
    Reason.REFUSAL: "SAFETY",
    Reason.PAUSE: "STOP",
    Reason.ERROR: "MALFORMED_RESPONSE",
    Reason.OTHER: "OTHER",
}

FOREIGN_FINISH: dict[str, Reason] = {
    "RECITATION": Reason.REFUSAL,
    "LANGUAGE": Reason.REFUSAL,
    "BLOCKLIST": Reason.REFUSAL,
    "PROHIBITED_CONTENT": Reason.REFUSAL,
    "SPII": Reason.REFUSAL,
    "IMAGE_SAFETY": Reason.REFUSAL,
    "IMAGE_PROHIBITED_CONTENT": Reason.REFUSAL,
    "IMAGE_RECITATION": Reason.REFUSAL,
    "MODEL_ARMOR": Reason.REFUSAL,
    "ESCALATION": Reason.REFUSAL,
    "PUP_LIMITED_DISABLED": Reason.REFUSAL,
    "JAILBREAK": Reason.REFUSAL,
    "MALFORMED_FUNCTION_CALL": Reason.ERROR,
    "UNEXPECTED_TOOL_CALL": Reason.ERROR,
    "TOO_MANY_TOOL_CALLS": Reason.ERROR,
    "MISSING_THOUGHT_SIGNATURE": Reason.ERROR,
    "CONTINUATION": Reason.PAUSE,  # said only beside a token to go on with, which we have not
    "IMAGE_OTHER": Reason.OTHER,
    "NO_IMAGE": Reason.OTHER,
}

# The zero of the enumeration, which some upstreams write out: the model has not stopped yet.
UNFINISHED = "FINISH_REASON_UNSPECIFIED"
UNBLOCKED = frozenset({"BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})

# What `promptFeedback.blockReason` may say.
BLOCKED = frozenset(
    {
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
        "MODEL_ARMOR",
        "JAILBREAK",
    }
)


def _inverted() -> dict[str, Reason]:
    """SPOKEN_FINISH inverted (the first reason that says a word owns it), and the foreign words."""
    heard: dict[str, Reason] = {}
    for reason, word in SPOKEN_FINISH.items():
        heard.setdefault(word, reason)
    return FOREIGN_FINISH | heard


HEARD_FINISH: dict[str, Reason] = _inverted()

# `error.status` of each kind of failure (google.rpc.Code).
SPOKEN_ERRORS: dict[Kind, str] = {
    Kind.INVALID_REQUEST: "INVALID_ARGUMENT",
    Kind.AUTHENTICATION: "UNAUTHENTICATED",
    Kind.CREDIT: "FAILED_PRECONDITION",
    Kind.PERMISSION: "PERMISSION_DENIED",
    Kind.NOT_FOUND: "NOT_FOUND",
    Kind.TIMEOUT: "DEADLINE_EXCEEDED",
    Kind.TOO_LARGE: "INVALID_ARGUMENT",
    Kind.UPGRADE_REQUIRED: "FAILED_PRECONDITION",
    Kind.RATE_LIMITED: "RESOURCE_EXHAUSTED",
    Kind.INTERNAL: "INTERNAL",
    Kind.UNAVAILABLE: "UNAVAILABLE",
    Kind.UPSTREAM: "UNAVAILABLE",
    Kind.OVERLOADED: "UNAVAILABLE",
}

# FAILED_PRECONDITION is said of files not yet processed too: read alone it is the request's fault.
FOREIGN_ERRORS: dict[str, Kind] = {
    "FAILED_PRECONDITION": Kind.INVALID_REQUEST,
    "OUT_OF_RANGE": Kind.INVALID_REQUEST,
    "ALREADY_EXISTS": Kind.INVALID_REQUEST,
    "ABORTED": Kind.UNAVAILABLE,
    "CANCELLED": Kind.UPSTREAM,
    "UNKNOWN": Kind.INTERNAL,
    "DATA_LOSS": Kind.INTERNAL,
    "UNIMPLEMENTED": Kind.NOT_FOUND,
}


def _inverted_errors() -> dict[str, Kind]:
    heard: dict[str, Kind] = {}
    for kind, word in SPOKEN_ERRORS.items():
        heard.setdefault(word, kind)
    return heard | FOREIGN_ERRORS


HEARD_ERRORS: dict[str, Kind] = _inverted_errors()

# `ErrorInfo.reason`: Google answers 400 when the ACCOUNT's key is wrong, which is no fault of the
# request.
ACCOUNT_REASONS: dict[str, Kind] = {
    "API_KEY_INVALID": Kind.AUTHENTICATION,
    "API_KEY_EXPIRED": Kind.AUTHENTICATION,
    "API_KEY_SERVICE_BLOCKED": Kind.PERMISSION,
    "ACCESS_TOKEN_EXPIRED": Kind.AUTHENTICATION,
    "CREDENTIALS_MISSING": Kind.AUTHENTICATION,
    "CONSUMER_SUSPENDED": Kind.PERMISSION,
    "SERVICE_DISABLED": Kind.PERMISSION,
    "BILLING_DISABLED": Kind.CREDIT,
}

# The same, and overload (503 UNAVAILABLE), where only the sentence tells. In lower case.
PHRASES: tuple[tuple[str, Kind], ...] = (
    ("user location is not supported", Kind.PERMISSION),
    ("enable billing", Kind.CREDIT),
    ("api key not valid", Kind.AUTHENTICATION),
    ("api key expired", Kind.AUTHENTICATION),
    ("model is overloaded", Kind.OVERLOADED),
)

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
REQUEST_INFO = "type.googleapis.com/google.rpc.RequestInfo"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

# Who speaks. `function` is the older name of the one who gives the results of functions.
SPOKEN_ROLES: dict[Role, str] = {Role.USER: "user", Role.ASSISTANT: "model"}
HEARD_ROLES: dict[str, Role] = {word: role for role, word in SPOKEN_ROLES.items()} | {
    "": Role.USER,
    "function": Role.USER,
}

# `functionCallingConfig.mode`. VALIDATED is AUTO whose calls are held to their schemas.
SPOKEN_MODES: dict[ToolMode, str] = {
    ToolMode.AUTO: "AUTO",
    ToolMode.REQUIRED: "ANY",
    ToolMode.NONE: "NONE",
}
HEARD_MODES: dict[str, ToolMode] = {word: mode for mode, word in SPOKEN_MODES.items()} | {
    "VALIDATED": ToolMode.AUTO
}

# `thinkingConfig.thinkingLevel`. Gemini has no word above XHIGH.
SPOKEN_LEVELS: dict[Effort, str] = {
    Effort.MINIMAL: "MINIMAL",
    Effort.LOW: "LOW",
    Effort.MEDIUM: "MEDIUM",
    Effort.HIGH: "HIGH",
    Effort.XHIGH: "XHIGH",
}
HEARD_LEVELS: dict[str, Effort] = {word: effort for effort, word in SPOKEN_LEVELS.items()}

# `serviceTier` in neutral words.
HEARD_TIERS: dict[str, str] = {"STANDARD": "default", "FLEX": "flex", "PRIORITY": "priority"}
SPOKEN_TIERS: dict[str, str] = {tier: word.lower() for word, tier in HEARD_TIERS.items()}

# How closely media are looked at: neutral words of `Media.detail`.
HEARD_RESOLUTIONS: dict[str, str] = {
    "MEDIA_RESOLUTION_LOW": "low",
    "MEDIA_RESOLUTION_MEDIUM": "auto",
    "MEDIA_RESOLUTION_HIGH": "high",
    "MEDIA_RESOLUTION_ULTRA_HIGH": "original",
}

# What clients write where a signature is demanded that they have not. `thoughtSignature` is a bytes
# field: we write the word in base64, clients write it either way.
_NO_SIGNATURES = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
SENTINEL = base64.b64encode(_NO_SIGNATURES[0].encode()).decode()
SENTINELS: frozenset[str] = frozenset(_NO_SIGNATURES) | {
    base64.b64encode(word.encode()).decode().rstrip("=") for word in _NO_SIGNATURES
}

# What callers of this dialect call what neutral names mean.
OWN_FIELDS: dict[str, str] = {
    **dict.fromkeys(IN_CONVERSATION, "contents"),
    Neutral.MAX_OUTPUT_TOKENS: "generationConfig.maxOutputTokens",
    Neutral.CHOICES: "generationConfig.candidateCount",
    Neutral.STOP: "generationConfig.stopSequences",
    Neutral.OUTPUT_FORMAT: "generationConfig.responseMimeType",
    Neutral.OUTPUT_SCHEMA: "generationConfig.responseSchema",
    Neutral.TEMPERATURE: "generationConfig.temperature",
    Neutral.TOP_P: "generationConfig.topP",
    Neutral.TOP_K: "generationConfig.topK",
    Neutral.SEED: "generationConfig.seed",
    Neutral.PRESENCE_PENALTY: "generationConfig.presencePenalty",
    Neutral.FREQUENCY_PENALTY: "generationConfig.frequencyPenalty",
    Neutral.LOGPROBS: "generationConfig.responseLogprobs",
    Neutral.TOP_LOGPROBS: "generationConfig.logprobs",
    Neutral.REASONING: "generationConfig.thinkingConfig",
    Neutral.TOOLS: "tools",
    Neutral.WEB_SEARCH: "tools",
    Neutral.TOOL_CHOICE: "toolConfig",
    Neutral.METADATA: "labels",
    Neutral.SERVICE_TIER: "serviceTier",
}
