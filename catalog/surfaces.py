"""The names of the things a provider can serve, and which kinds of model are served there.

A surface is one HTTP API shape (a protocol, or one of OpenAI's side doors). A provider maps each
surface that it serves to a base path; the rest of the upstream path is the same everywhere:

    anthropic          base + /messages, /messages/count_tokens
    openai_chat        base + /chat/completions
    openai_responses   base + /responses, /responses/{id}, ...
    gemini             base + /models/{model}:{action}
    openai_images      base + /images/generations, /images/edits
    openai_embeddings  base + /embeddings
    gemini_embeddings  base + /models/{model}:embedContent, :batchEmbedContents
"""

from typing import Literal, get_args

Surface = Literal[
    "anthropic",
    "openai_chat",
    "openai_responses",
    "gemini",
    "openai_images",
    "openai_embeddings",
    "gemini_embeddings",
]
SURFACES: tuple[Surface, ...] = get_args(Surface)

Kind = Literal["chat", "image", "embedding"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SURFACES_OF_KIND: dict[Kind, tuple[Surface, ...]] = {
    "chat": ("anthropic", "openai_chat", "openai_responses", "gemini"),
    "image": ("openai_images",),
    "embedding": ("openai_embeddings", "gemini_embeddings"),
}

# The doors a group or a key may be limited to. Counting tokens belongs to the door it counts for:
# count_tokens to messages, input_tokens to responses, countTokens to generate.
DoorKind = Literal["messages", "chat", "responses", "generate", "images", "embeddings"]
DOOR_KINDS: tuple[DoorKind, ...] = get_args(DoorKind)
