"""Google Gemini generateContent, token counting, embeddings and models, as the provider serves and
refuses them."""

from simulator.gemini.dialect import DIALECT
from simulator.gemini.endpoints import ACTIONS, MODELS, NOT_FOUND

__all__ = ["ACTIONS", "DIALECT", "MODELS", "NOT_FOUND"]
