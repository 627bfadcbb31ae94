"""The words of generateContent and their neutral meanings: finish reasons, error statuses.

What Gemini writes is declared once and read back by inverting it; words that are only read are
listed apart. Gemini has no word for tool calls: it says STOP beside `functionCall` parts.
Sources: google-genai 3.4 (types.FinishReason, types.BlockedReason), google.rpc.Code with its
mapping to HTTP, the Gemini API's troubleshooting guide.
"""

from translators.canonical.failure import Kind
from translators.canonical.finish import Reason

# What each neutral reason is called in `finishReason`.
SPOKEN_FINISH: dict[Reason, str] = {
    Reason.STOP: "STOP",
    Reason.STOP_SEQUENCE: "STOP",
    Reason.LENGTH: "MAX_TOKENS",
    Reason.CONTEXT_EXCEEDED: "MAX_TOKENS",
    Reason.TOOL_CALLS: "STOP",
    Reason.REFUSAL: "SAFETY",
    Reason.PAUSE: "CONTINUATION",
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
    "IMAGE_OTHER": Reason.OTHER,
    "NO_IMAGE": Reason.OTHER,
}

# The zero of the enumeration, which some upstreams write out: the model has not stopped yet.
UNFINISHED = "FINISH_REASON_UNSPECIFIED"
UNBLOCKED = frozenset({"BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})


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
