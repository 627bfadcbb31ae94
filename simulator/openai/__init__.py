"""OpenAI Chat Completions, Responses, Images, Embeddings and models, as the provider serves and
refuses them."""

from simulator.openai import chat, embeddings, images, responses
from simulator.openai.dialect import DIALECT
from simulator.openai.models import MODELS

ENDPOINTS = (
    *chat.ENDPOINTS,
    *responses.ENDPOINTS,
    *images.ENDPOINTS,
    *embeddings.ENDPOINTS,
)

__all__ = ["DIALECT", "ENDPOINTS", "MODELS"]
