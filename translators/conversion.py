"""From a caller's body to the upstream's, and what is needed on the way back.

The steps of every conversion are the same: decode, fit the tools to the target's rules, encode. The
protocols know their own dialect and the neutral form; nothing here knows any dialect.
"""

from dataclasses import dataclass, replace

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, unique
from translators.canonical.request import Request
from translators.protocol import Protocol
from translators.tools import ToolMap, fitted


@dataclass(frozen=True, slots=True)
class Conversion:
    """A body for the upstream, its losses, and the map that gives tools their own names back."""

    body: bytes
    losses: tuple[Loss, ...]
    tools: ToolMap
    request: Request


def convert(
    request: Request, target: Protocol, model: str, capabilities: Capabilities
) -> Conversion:
    """The request in the target's dialect, under the upstream's model name.

    Raises NotUnderstood where the target has no way to say it and no loss would be honest.
    """
    fitting, tools, losses = fitted(replace(request, model=model), target.tool_rules)
    encoded = target.encode_request(fitting, capabilities)
    return Conversion(
        encoded.body, unique((*request.losses, *losses, *encoded.losses)), tools, request
    )
