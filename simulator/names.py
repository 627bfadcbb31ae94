"""Model names that are scripts: `sim-<what>[-<number>]`, for clients that can choose nothing else.

The first pattern that matches the whole name wins. A name that matches none is an ordinary model.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from simulator.script import (
    DEFAULT,
    MAX_CHUNKS,
    MAX_DELAY_MS,
    ErrorSpec,
    Script,
    StreamErrorSpec,
    ToolPart,
    Usage,
)

Made = Callable[[int | None], Script]


def _words(count: int) -> str:
    return " ".join(f"word{index}" for index in range(count))


def _chunks(number: int | None) -> Script:
    count = max(1, min(number or 50, MAX_CHUNKS))
    return Script(text=_words(count), chunks=count)


def _error(number: int | None) -> Script:
    status = number if number is not None and 400 <= number <= 599 else 500
    headers = {"retry-after": "1"} if status in (429, 529) else {}
    return Script(error=ErrorSpec(status=status, headers=headers))


_TOOLS = (
    ToolPart(name="get_weather", arguments={"city": "Paris"}),
    ToolPart(name="get_time", arguments={"zone": "CET"}),
)

NAMES: dict[str, tuple[str, Made]] = {
    "sim-error": ("error of that HTTP status (500) before the stream", _error),
    "sim-stream-error": (
        "error inside the stream instead of that event (3)",
        lambda n: Script(stream_error=StreamErrorSpec(at=3 if n is None else n)),
    ),
    "sim-slow": (
        "that many ms (1000) before the first event",
        lambda n: Script(delay_first_ms=min(1000 if n is None else n, MAX_DELAY_MS)),
    ),
    "sim-slow-headers": (
        "that many ms (1000) before the headers",
        lambda n: Script(delay_headers_ms=min(1000 if n is None else n, MAX_DELAY_MS)),
    ),
    "sim-drip": (
        "that many ms (100) between events",
        lambda n: Script(
            text=_words(20), chunks=20, delay_between_ms=min(100 if n is None else n, MAX_DELAY_MS)
        ),
    ),
    "sim-chunks": ("that many (50) text pieces", _chunks),
    "sim-truncate": (
        "connection closed after that many events (3), or in the middle of a JSON body",
        lambda n: Script(truncate_after=3 if n is None else n),
    ),
    "sim-no-terminal": (
        "a clean end without the terminal event",
        lambda n: Script(no_terminal=True),
    ),
    "sim-hang": (
        "silence after that many events (3), until the client leaves",
        lambda n: Script(hang_after=3 if n is None else n),
    ),
    "sim-drop": ("connection closed before any answer", lambda n: Script(drop=True)),
    "sim-html": ("HTTP 200 with a page of HTML", lambda n: Script(html=True)),
    "sim-empty": ("an answer with no content", lambda n: Script(parts=())),
    "sim-echo": ("what was received, as JSON", lambda n: Script(echo=True)),
    "sim-tools": ("two parallel tool calls", lambda n: Script(tools=_TOOLS)),
    "sim-thinking": (
        "signed reasoning, then text",
        lambda n: Script(thinking="Let me think about it.", text="Done thinking."),
    ),
    "sim-refusal": (
        "a refusal",
        lambda n: Script(refusal="I can't help with that."),
    ),
    "sim-image": ("text and an image", lambda n: Script(text="Here it is.", images=1)),
    "sim-length": (
        "an answer cut at the token limit",
        lambda n: Script(text="Cut off in the mid", finish="length"),
    ),
    "sim-cache": (
        "usage with every bucket filled",
        lambda n: Script(
            text="Cached.",
            usage=Usage(
                input=100,
                cache_read=2000,
                cache_write_5m=300,
                cache_write_1h=40,
                output=50,
                reasoning=20,
            ),
        ),
    ),
    "sim-bytes": (
        "the stream split every that many bytes (1)",
        lambda n: Script(chunk_bytes=max(1, min(n or 1, MAX_CHUNKS))),
    ),
    "sim-pings": (
        "that many (10) extra pings",
        lambda n: Script(pings=min(10 if n is None else n, 1000)),
    ),
}

UNKNOWN = "sim-unknown"  # names that begin so do not exist: 404

_NAME = re.compile(r"(sim-[a-z-]*[a-z])(?:-(\d{1,9}))?")


@lru_cache(maxsize=256)
def named(model: str) -> Script:
    """The script that a model's name stands for; the default script for an ordinary name."""
    match = _NAME.fullmatch(model)
    if match is None or match[1] not in NAMES:
        return DEFAULT
    return NAMES[match[1]][1](int(match[2]) if match[2] else None)
