"""Azure OpenAI's classic form: the deployment in the path, a dated version in the query.

    /openai/deployments/{deployment}/chat/completions?api-version=2024-10-21

The body is OpenAI's; the model in it is not looked at.
Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

from typing import TYPE_CHECKING
from urllib.parse import quote

from extproc.wires.envelope import Envelope, Letter, Sealed

if TYPE_CHECKING:
    from catalog import Wire


def _seal(wire: "Wire", letter: Letter) -> Sealed:
    query = f"api-version={quote(wire.api_version)}"
    if letter.query:
        query = f"{letter.query}&{query}"
    return Sealed(f"/deployments/{quote(letter.model, safe='')}{letter.rest}?{query}")


ENVELOPE = Envelope(_seal)
