"""Sealed reasoning that its own upstream refuses: a seal is bound to an account, which may change.

Such a request is sent once more, to the same account and without any sealed value: the reasoning is
lost, the conversation is not. Reported as a loss.
"""

from translators import stripping
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.protocol import Protocol

SEAL_REFUSED = "seal_refused"  # why an attempt failed

UNSEALED = Loss(Neutral.REASONING, LossKind.UNSEALED, "refused by its upstream")


def without(body: bytes, protocol: Protocol) -> tuple[bytes, tuple[Loss, ...]]:
    """The body, of this protocol, without any sealed value, and what that loses."""
    unsealed, found = stripping.unsealed(body, protocol.no_seal)
    return (unsealed, (UNSEALED,)) if found else (body, ())
