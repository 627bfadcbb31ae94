"""Which requests belong together: they go to the same upstream account while that is healthy.

A provider's cache of prompts and its sealed reasoning are an account's. What a client says itself
counts first: the id of its session, or the key of the cache. Otherwise a conversation is known by
its first message that is not the operator's, which is the same in each of its turns. A short
question that nothing was said before has nothing to keep, so such requests are spread by weight.

The answer is a seed: whoever draws routes by it draws the same.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from extproc.asking import Asked

# Below it no provider caches a prompt (1,024 tokens at the least).
SMALL_BYTES = 4_096

# Where the first message is looked for (a quarter of a millisecond at the most), and how much of it
# counts.
LOOKED_AT_BYTES = 64 * 1024
OPENING_BYTES = 16 * 1024

SESSION_HEADERS = (
    "session_id",  # Codex
    "session-id",
    "x-session-id",
    "x-session-affinity",  # OpenCode
    "x-claude-code-session-id",
    "x-conversation-id",
)

# What is said of a session, or of a cache, inside the body. Strings have no bare quotes in them, so
# that the key is one wherever it is found.
_NAMED = (
    (b'"prompt_cache_key"', re.compile(rb'"prompt_cache_key"\s*:\s*"((?:[^"\\]|\\.){1,512})"')),
    (
        b'"user_id"',
        re.compile(rb'"metadata"\s*:\s*\{[^{}]{0,2048}?"user_id"\s*:\s*"((?:[^"\\]|\\.){1,2048})"'),
    ),
)
_CONVERSATIONS = tuple(
    (key, re.compile(key + rb"\s*:\s*")) for key in (b'"messages"', b'"input"', b'"contents"')
)
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)

# A model spoke before, or will say something that is to come back, or a cache is asked for.
_GOES_ON = (
    b'"assistant"',
    b'"role":"model"',
    b'"role": "model"',
    b'"encrypted_content"',
    b'"cache_control"',
    b'"thinking',
    b'"reasoning',
    b"thinkingConfig",
)
_OPERATORS = (b'"system"', b'"developer"')


def seed_of(asked: Asked, headers: Mapping[str, str], customer_id: str, request_id: str) -> int:
    """64 bits that are the same for requests which belong together."""
    found = _session(headers) or _told(asked) or request_id.encode()
    digest = blake2b(found, digest_size=8, key=customer_id.encode()[:64])
    return int.from_bytes(digest.digest(), "little")


def _session(headers: Mapping[str, str]) -> bytes | None:
    for name in SESSION_HEADERS:
        if value := headers.get(name):
            return value.encode("utf-8", "replace")
    return None


def _told(asked: Asked) -> bytes | None:
    body = asked.body
    if body is None or not asked.opened.door.convertible:
        return None
    for key, pattern in _NAMED:
        if key in body and (named := pattern.search(body)) is not None:
            return named[1]
    if len(body) < SMALL_BYTES and not any(word in body for word in _GOES_ON):
        return None
    for start, end in _messages(body):
        message = body[start : min(end, start + OPENING_BYTES)]
        if not any(role in message for role in _OPERATORS):
            return message
    start = _conversation(body)
    return body[start : start + OPENING_BYTES] if start >= 0 else None


def _messages(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the messages of the conversation begin and end, in their order."""
    start = _conversation(body)
    if start < 0:
        return
    depth = 0
    for token in _TOKEN.finditer(body, start, start + LOOKED_AT_BYTES):
        first = token[0][:1]
        if first in b"{[":
            depth += 1
            start = token.start() if depth == 2 else start
        elif first in b"}]":
            depth -= 1
            if depth == 1:
                yield start, token.end()
            elif depth == 0:
                return
        elif depth < 2:  # a conversation of one string, or a message that is one
            yield token.span()
            if depth == 0:
                return


def _conversation(body: bytes) -> int:
    """Where it begins; below zero when it is not found."""
    for key, pattern in _CONVERSATIONS:
        at = body.find(key)
        if at >= 0 and (found := pattern.match(body, at)) is not None:
            return found.end()
    return -1
