"""Flags of `anthropic-beta`: which of them a provider is sent.

A cloud that meets a flag it does not know refuses the whole request, and clients send flags for
features that the request does not use. So what the provider's list does not have is left out and
told as a loss.
"""

from translators.canonical.loss import Loss, LossKind

HEADER = "anthropic-beta"


def kept(sent: str, known: frozenset[str] | None) -> tuple[list[str], tuple[Loss, ...]]:
    """The flags of the header that go on, each once, and what is lost."""
    flags = list(dict.fromkeys(flag.strip() for flag in sent.split(",") if flag.strip()))
    if known is None:
        return flags, ()
    passing = [flag for flag in flags if flag in known]
    if len(passing) == len(flags):
        return passing, ()
    return passing, (Loss(HEADER, LossKind.DROPPED, "flags that this upstream does not know"),)


def as_header(flags: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The header to set, or to remove."""
    return ({HEADER: ",".join(flags)}, ()) if flags else ({}, (HEADER,))
