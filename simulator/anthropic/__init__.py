"""Anthropic Messages, token counting and models, as the provider serves and refuses them."""

from simulator.anthropic.dialect import DIALECT
from simulator.anthropic.endpoints import ENDPOINTS, MODELS

__all__ = ["DIALECT", "ENDPOINTS", "MODELS"]
