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

from collections.abc import Iterable, Sequence
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

CHAT_SURFACES: tuple[Surface, ...] = ("anthropic", "openai_chat", "openai_responses", "gemini")

SURFACES_OF_KIND: dict[Kind, tuple[Surface, ...]] = {
    "chat": CHAT_SURFACES,
    "image": ("openai_images",),
    "embedding": ("openai_embeddings", "gemini_embeddings"),
}

# Where a request for a surface goes when a provider does not serve that surface, best first. The
# order follows what survives the conversion. The Responses protocol carries ordered items,
# encrypted reasoning and images in tool results; Messages carries most of that; generateContent
# keeps signatures but not every id; Chat Completions can neither order text among tool calls nor
# carry reasoning, so it is last, except from Chat itself.
CONVERSION_ORDER: dict[Surface, tuple[Surface, ...]] = {
    "anthropic": ("openai_responses", "gemini", "openai_chat"),
    "openai_chat": ("openai_responses", "anthropic", "gemini"),
    "openai_responses": ("anthropic", "gemini", "openai_chat"),
    "gemini": ("openai_responses", "anthropic", "openai_chat"),
}


def home(offered: Iterable[Surface]) -> Surface:
    """The surface at which a provider is at home: its first of chat, else its first of all."""
    known = tuple(offered)
    return next((surface for surface in known if surface in CHAT_SURFACES), known[0])


def best_surface(asked: Surface, offered: Sequence[Surface]) -> Surface | None:
    """The surface on which a provider is asked what came in on another; None: on none.

    `offered` stands in the provider's own order. A provider that names Chat Completions first is at
    home there: it is a compatible vendor, whose other surfaces are emulations that lag behind,
    ignore fields in silence or are still a beta. What such a surface would keep on paper is lost
    behind it, unreported, so its home goes before the order above. (OpenAI's own preset names
    Responses first.)
    """
    if asked in offered:
        return asked
    wanted = CONVERSION_ORDER.get(asked, ())
    at_home = next((surface for surface in offered if surface in CHAT_SURFACES), None)
    if at_home == "openai_chat" and at_home in wanted:
        return at_home
    return next((surface for surface in wanted if surface in offered), None)


# The doors a group or a key may be limited to. Counting tokens belongs to the door it counts for:
# count_tokens to messages, input_tokens to responses, countTokens to generate.
DoorKind = Literal["messages", "chat", "responses", "generate", "images", "embeddings"]
DOOR_KINDS: tuple[DoorKind, ...] = get_args(DoorKind)
