"""What the encoder of an answer must know besides the answer itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """`seed` is letters and digits, unique for the exchange: the source of every id that the answer
    needs and the upstream's dialect has not (ids are deterministic). `model` is the name that the
    caller asked for. `echo` is Request.echo. `input_estimate`: tokens, for dialects that name the
    input's size before the upstream has told it; never billed."""

    seed: str
    model: str
    created_at_s: int
    include_usage: bool = True
    input_estimate: int | None = None
    show_reasoning: bool = True  # in dialects that have no official field for it
    sse: bool = True  # else a JSON array, where the dialect has one
    echo: Mapping[str, Any] = field(default_factory=dict)
    previous_id: str | None = None  # the stored answer that this one continues
    request_id: str = ""  # as the answer's headers name it

    @property
    def error_id(self) -> str:
        """How an error inside the answer names the request."""
        return self.request_id or self.seed
