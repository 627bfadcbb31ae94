"""Token usage in disjoint buckets.

Every wire dialect counts differently: some include cached tokens in the input figure, some do
not; some include reasoning in the output, some do not; some tell media apart. Inside, every token
is in exactly one bucket, so that buckets can be added and priced without knowing where they came
from, and what a vendor calls its total is the sum of them. Rules:

- absent is not zero: a bucket nobody reported is None. Media are the exception: vendors name them
  in every answer, and a zero of theirs says no more than silence
- what came from a cache is in the cache's bucket, whatever it was: media in the input are fresh
- where a vendor does not say which tokens came from the cache, text did, before any media: prompts
  begin with text
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange so far; figures are cumulative, a later one replaces an earlier."""

    input_tokens: int | None = None  # fresh text: neither read from nor written to a cache
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None  # also cache writes whose lifetime was not said
    cache_write_1h_tokens: int | None = None
    image_input_tokens: int | None = None  # fresh: pictures, pages, frames; None: not told apart
    audio_input_tokens: int | None = None  # fresh; None: not told apart
    output_tokens: int | None = None  # without reasoning, where the upstream tells the two apart
    reasoning_tokens: int | None = None
    image_output_tokens: int | None = None  # pictures and film
    audio_output_tokens: int | None = None
    web_searches: int | None = None  # server-side searches, charged per call
    file_searches: int | None = None  # the same in the caller's stored files

    def merged(self, later: "Usage") -> "Usage":
        """This usage overwritten by every bucket that `later` reports."""
        return Usage(
            *(
                new if (new := getattr(later, f.name)) is not None else getattr(self, f.name)
                for f in fields(self)
            )
        )

    def plus(self, other: "Usage") -> "Usage":
        """The sum, bucket by bucket; a bucket that neither reports stays None."""
        return Usage(
            *(known_sum((getattr(self, f.name), getattr(other, f.name))) for f in fields(self))
        )

    @property
    def fresh_input_tokens(self) -> int | None:
        """Input of every kind that no cache had a part in; None when nothing was reported."""
        return known_sum((self.input_tokens, self.image_input_tokens, self.audio_input_tokens))

    @property
    def total_input_tokens(self) -> int | None:
        """Fresh input, cache reads and cache writes together; None when nothing was reported."""
        return known_sum(
            (
                self.input_tokens,
                self.cache_read_tokens,
                self.cache_write_5m_tokens,
                self.cache_write_1h_tokens,
                self.image_input_tokens,
                self.audio_input_tokens,
            )
        )

    @property
    def total_output_tokens(self) -> int | None:
        """Text, reasoning, images and audio together; None when nothing was reported."""
        return known_sum(
            (
                self.output_tokens,
                self.reasoning_tokens,
                self.image_output_tokens,
                self.audio_output_tokens,
            )
        )


def known_sum(figures: tuple[int | None, ...]) -> int | None:
    """The sum of what was reported; None when nothing was."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def rest(whole: int | None, *parts: int | None) -> int | None:
    """What is left of an inclusive figure without its parts; never negative, None stays None."""
    if whole is None:
        return None
    for part in parts:
        if part:
            whole -= part
    return max(0, whole)


def parted(
    whole: int | None, audio: int | None, images: int | None
) -> tuple[int | None, int | None, int | None]:
    """An inclusive figure as text, audio and images, which add up to it.

    Media that are more than the whole are cut, images first: then a cache had a part in them that
    nobody told apart.
    """
    if whole is None or (audio is None and images is None):
        return whole, audio, images
    if audio is not None:
        audio = min(audio, whole)
    if images is not None:
        images = min(images, whole - (audio or 0))
    return whole - (audio or 0) - (images or 0), audio, images
