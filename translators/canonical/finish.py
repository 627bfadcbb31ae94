"""Why a model stopped: the unified reason beside the upstream's own word for it."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The unified vocabulary of finish reasons."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    CONTEXT_EXCEEDED = "context_exceeded"
    TOOL_CALLS = "tool_calls"
    REFUSAL = "refusal"
    PAUSE = "pause"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finish:
    """`unified` for those who decide, `raw` for those who read."""

    unified: Reason
    raw: str | None
