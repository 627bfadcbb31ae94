"""Token usage in disjoint buckets.

Every wire dialect counts differently: some include cached tokens in the input figure, some do
not; some include reasoning in the output, some do not. Inside, every token is in exactly one
bucket, so that buckets can be added and priced without knowing where they came from. Absent is
not zero: a bucket nobody reported is None.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange so far; figures are cumulative, a later one replaces an earlier."""

    input_tokens: int | None = None  # fresh: neither read from nor written to a cache
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None  # also cache writes whose lifetime was not said
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None  # without reasoning, where the upstream tells the two apart
    reasoning_tokens: int | None = None
    image_output_tokens: int | None = None
    web_searches: int | None = None  # server-side searches, charged per call

    def merged(self, later: "Usage") -> "Usage":
        """This usage overwritten by every bucket that `later` reports."""
        return Usage(
            *(
                new if (new := getattr(later, f.name)) is not None else getattr(self, f.name)
                for f in fields(self)
            )
        )

    @property
    def total_output_tokens(self) -> int | None:
        """Visible output, reasoning and image output together; None when nothing was reported."""
        parts = (self.output_tokens, self.reasoning_tokens, self.image_output_tokens)
        known = [p for p in parts if p is not None]
        return sum(known) if known else None

    @property
    def total_input_tokens(self) -> int | None:
        """Fresh input, cache reads and cache writes together; None when nothing was reported."""
        parts = (
            self.input_tokens,
            self.cache_read_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
        )
        known = [p for p in parts if p is not None]
        return sum(known) if known else None
