"""The envelopes in which clouds carry others' protocols, by the name that the catalog has for them.

A wire is applied after translation and renaming, as the last thing but the signature, and taken off
before anybody reads the answer: what lies between knows nothing of it.
"""

from extproc.wires import azure, bedrock, plain, vertex
from extproc.wires.envelope import Envelope

ENVELOPES: dict[str, Envelope] = {
    "plain": plain.ENVELOPE,
    "bedrock": bedrock.ENVELOPE,
    "vertex": vertex.ENVELOPE,
    "azure_deployments": azure.ENVELOPE,
}

__all__ = ["ENVELOPES", "Envelope"]
