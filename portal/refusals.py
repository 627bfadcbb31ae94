"""What a caller is told when something is refused or fails, in the caller's own dialect.

    Refusal         raised by whatever serves a request; becomes the answer

One table gives each kind its status and its word in every dialect, so that the vendors' SDKs raise
their own exception classes. Messages are ours or name what the caller sent; never a secret.
Sources: docs.claude.com errors, openai 3.52 (_exceptions), google.rpc.Code and its HTTP mapping.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from portal.dialects import Dialect


class Kind(StrEnum):
    """Kinds of refusal."""

    INVALID_REQUEST = "invalid_request"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    METHOD = "method"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Words:
    """A kind's HTTP status, and what each vendor calls it."""

    status: int
    anthropic: str
    openai_type: str
    openai_code: str | None
    gemini: str


WORDS: Mapping[Kind, Words] = {
    Kind.INVALID_REQUEST: Words(
        400, "invalid_request_error", "invalid_request_error", None, "INVALID_ARGUMENT"
    ),
    Kind.AUTHENTICATION: Words(
        401, "authentication_error", "invalid_request_error", "invalid_api_key", "UNAUTHENTICATED"
    ),
    Kind.PERMISSION: Words(
        403, "permission_error", "invalid_request_error", "permission_denied", "PERMISSION_DENIED"
    ),
    Kind.NOT_FOUND: Words(
        404, "not_found_error", "invalid_request_error", "not_found", "NOT_FOUND"
    ),
    Kind.METHOD: Words(
        405, "invalid_request_error", "invalid_request_error", "method_not_allowed", "UNIMPLEMENTED"
    ),
    Kind.CONFLICT: Words(
        409, "invalid_request_error", "invalid_request_error", "conflict", "ALREADY_EXISTS"
    ),
    Kind.TOO_LARGE: Words(
        413, "request_too_large", "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"
    ),
    Kind.INTERNAL: Words(500, "api_error", "server_error", "server_error", "INTERNAL"),
    Kind.UNAVAILABLE: Words(
        503, "api_error", "service_unavailable_error", "service_unavailable", "UNAVAILABLE"
    ),
}
_BY_STATUS = {words.status: kind for kind, words in WORDS.items()}


class Refusal(Exception):
    """The request cannot be served: tell the caller what the message says."""

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.param = param  # the request's field at fault, said in OpenAI's dialect
        self.code = code  # OpenAI's code, where it says more than the kind
        self.headers = dict(headers or {})
        self.status = status or WORDS[kind].status


def kind_of_status(status: int) -> Kind:
    """The kind nearest to an HTTP status that a framework chose."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Kind.INVALID_REQUEST if status < 500 else Kind.INTERNAL


class AnthropicErrorBody(BaseModel):
    """Anthropic's inner error."""

    type: str
    message: str


class AnthropicError(BaseModel):
    """An error as Anthropic writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "error",
                    "error": {"type": "authentication_error", "message": "No API key was sent."},
                    "request_id": "0d9c6e2a-4f0b-4d6e-9a43-1f0f7c1f4b11",
                }
            ]
        }
    )

    type: Literal["error"] = "error"
    error: AnthropicErrorBody
    request_id: str


class OpenAIErrorBody(BaseModel):
    """OpenAI's inner error."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(BaseModel):
    """An error as OpenAI writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "message": "No API key was sent.",
                        "type": "invalid_request_error",
                        "param": None,
                        "code": "invalid_api_key",
                    }
                }
            ]
        }
    )

    error: OpenAIErrorBody


class GeminiErrorBody(BaseModel):
    """Google's inner error."""

    code: int = Field(description="The HTTP status.")
    message: str
    status: str = Field(description="A google.rpc.Code name.")


class GeminiError(BaseModel):
    """An error as Google writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "code": 401,
                        "message": "No API key was sent.",
                        "status": "UNAUTHENTICATED",
                    }
                }
            ]
        }
    )

    error: GeminiErrorBody


class ManagementErrorBody(BaseModel):
    """The management API's inner error."""

    kind: str = Field(description="What kind of refusal it is; messages may change, kinds do not.")
    message: str
    param: str | None = Field(default=None, description="The field at fault.")
    request_id: str


class ManagementError(BaseModel):
    """An error as the management API writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "kind": "not_found",
                        "message": "There is no such customer.",
                        "param": "customer",
                        "request_id": "0d9c6e2a-4f0b-4d6e-9a43-1f0f7c1f4b11",
                    }
                }
            ]
        }
    )

    error: ManagementErrorBody


ErrorBody = AnthropicError | OpenAIError | GeminiError | ManagementError
ERROR_BODIES: Mapping[Dialect, type[BaseModel]] = {
    Dialect.ANTHROPIC: AnthropicError,
    Dialect.OPENAI: OpenAIError,
    Dialect.GEMINI: GeminiError,
    Dialect.MANAGEMENT: ManagementError,
}
VENDORS = (Dialect.ANTHROPIC, Dialect.OPENAI, Dialect.GEMINI)


def error_body(refusal: Refusal, dialect: Dialect, request_id: str) -> ErrorBody:
    """The refusal in the caller's words."""
    words = WORDS[refusal.kind]
    match dialect:
        case Dialect.ANTHROPIC:
            inner = AnthropicErrorBody(type=words.anthropic, message=refusal.message)
            return AnthropicError(error=inner, request_id=request_id)
        case Dialect.OPENAI:
            return OpenAIError(
                error=OpenAIErrorBody(
                    message=refusal.message,
                    type=words.openai_type,
                    param=refusal.param,
                    code=refusal.code or words.openai_code,
                )
            )
        case Dialect.GEMINI:
            return GeminiError(
                error=GeminiErrorBody(
                    code=refusal.status, message=refusal.message, status=words.gemini
                )
            )
        case Dialect.MANAGEMENT:
            return ManagementError(
                error=ManagementErrorBody(
                    kind=refusal.kind.value,
                    message=refusal.message,
                    param=refusal.param,
                    request_id=request_id,
                )
            )
        case _:
            assert_never(dialect)
